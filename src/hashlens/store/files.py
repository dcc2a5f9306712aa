"""Making files durable: what returned is on the disk, whatever happens to the machine next."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hashlens.errors import CollectionError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
    if error.errno in _FULL:
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


def sync_file(descriptor: int) -> None:
    """Return once all that was written to an open file is on the disk."""
    if sys.platform == "darwin":  # There, fsync leaves the data in the drive's own cache.
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make names that were created, renamed or removed in a folder durable."""
    if os.name == "nt":  # Windows can't open folders; NTFS journals names itself.
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder durable with all files and folders in it."""
    for path in folder.iterdir():
        if path.is_dir():
            sync_tree(path)
        else:
            with path.open("rb+") as file:
                sync_file(file.fileno())
    sync_folder(folder)
