"""Reading image files without trusting what their names stand for."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from hashlens.errors import ImageError
from hashlens.images.walk import reason_of

MAX_FILE_BYTES = 1 << 30
"""Larger files are refused before they are read: 1 GiB."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The content of a file, and the state that it had just before it was read.

    Attributes
    ----------
    data : bytes
    size : int
        Bytes.
    mtime_ns : int
        Time of the last modification, in nanoseconds since the epoch. A file that changes while it
        is read has a later one by then, so comparing them later shows that it must be read again.
    """

    data: bytes
    size: int
    mtime_ns: int


def read_image_file(path: str) -> ImageFile:
    """Read a regular file.

    Raises
    ------
    ImageError
        If it does not exist, is no regular file, is larger than `MAX_FILE_BYTES`, or can't be
        read. The text names no path.
    """
    try:
        # Opening a pipe would wait for a writer, for ever if there is none.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ImageError("not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise ImageError(
                    f"too large: {status.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,} bytes"
                )
            return ImageFile(file.readall(), status.st_size, status.st_mtime_ns)
    except (OSError, ValueError) as error:
        raise ImageError(f"can't be read: {reason_of(error)}") from error
