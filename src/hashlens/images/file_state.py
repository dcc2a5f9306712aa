"""What the operating system says about a file, in numbers that fit any database."""

from __future__ import annotations

import os
from typing import NamedTuple, Self

_LARGEST = (1 << 63) - 1


class FileState(NamedTuple):
    """The facts that tell whether a file has changed, and whether two paths lead to one file.

    Each fits a signed 64-bit integer, whatever the file system claims.

    Attributes
    ----------
    size : int
        In bytes.
    mtime_ns : int
        Time of the last modification, in nanoseconds since the epoch; clamped, because a file
        system may hold times after the year 2262.
    device, inode : int
        Identify the file among those that are mounted now. Numbers from 2⁶³ on become negative, so
        that different ones stay different.
    """

    size: int
    mtime_ns: int
    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the state that a call of `os.stat` or `os.fstat` reports."""
        return cls(
            _clamped(status.st_size),
            _clamped(status.st_mtime_ns),
            _wrapped(status.st_dev),
            _wrapped(status.st_ino),
        )


def _clamped(value: int) -> int:
    return max(-_LARGEST - 1, min(value, _LARGEST))


def _wrapped(value: int) -> int:
    return (value + _LARGEST + 1) % (1 << 64) - _LARGEST - 1
