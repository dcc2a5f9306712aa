"""Writing files: all of the data, or an error that says why, and that nothing is lost."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hashlens.errors import CollectionError


def is_full(error: OSError) -> bool:
    """Return whether a write failed for lack of space: on the disk, by a quota or a limit."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def disk_errors(action: str) -> Iterator[None]:
    """Turn an operating system's error while writing into a `CollectionError`.

    Parameters
    ----------
    action : str
        What was being done, as the message begins: "Writing codes to /data/codes.bin".
    """
    try:
        yield
    except OSError as error:
        raise CollectionError(describe_failure(action, error)) from error


def describe_failure(action: str, error: OSError) -> str:
    """Return the message for a failed write, which says that nothing committed is lost."""
    if is_full(error):
        return (
            f"{action} failed: the disk is full or a quota is reached ({error.strerror}). All that "
            "was committed before is kept. Free some space, then run the same command again."
        )
    return f"{action} failed: {error.strerror or error}. All that was committed before is kept."


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data`` at ``offset``; a short write, as on a full disk, is tried again."""
    view = memoryview(data).cast("B")
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
