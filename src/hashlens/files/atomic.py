"""Files that are whole or as they were before, and on the disk when the call returns."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hashlens.errors import HashlensError, ParameterError
from hashlens.files.disk_errors import is_full


def check_output(path: Path) -> None:
    """Refuse an output path at which no file can be written.

    Raises
    ------
    ParameterError
        If its folder does not exist, or if it exists and is not a file.
    """
    if not path.parent.is_dir():
        raise ParameterError(f"{path} can't be written: there is no folder {path.parent}.")
    if path.exists() and not path.is_file():
        raise ParameterError(f"{path} exists and is not a file. Choose another name.")


@contextmanager
def replacing(path: Path, follow_link: bool = False) -> Iterator[Path]:
    """Yield the path of a file to write beside ``path``, which replaces ``path`` in the end.

    After an error, or a kill, what was at ``path`` is still there, unchanged.

    Parameters
    ----------
    path : Path
    follow_link : bool
        Whether ``path`` was named by the user, so that the file which a link leads to is replaced
        and the link stays. Otherwise the link itself is replaced: one in a directory that came from
        somebody else must not lead to files of the user.

    Raises
    ------
    ParameterError
        If ``path`` can't become a file; see `check_output`.
    HashlensError
        If it can't be written, for instance because the disk is full.
    """
    check_output(path)
    remove_partials(path.resolve() if follow_link else path)
    target = path.resolve() if follow_link else path.parent.resolve() / path.name
    partial = target.with_name(f".{target.name}.{os.urandom(16).hex()}")
    try:
        with _reserved(partial):
            yield partial
        with partial.open("rb+") as file:
            sync_file(file.fileno())
        os.replace(partial, target)
        sync_folder(target.parent)
    except OSError as error:
        hint = " Free some space, or write to another disk." if is_full(error) else ""
        raise HashlensError(
            f"{path} can't be written: {error.strerror or error}. What was there before is "
            f"unchanged.{hint}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(path: Path) -> None:
    """Remove what `replacing` left beside ``path`` when it was killed, and nobody is writing."""
    ours = re.compile(rf"\.+{re.escape(path.name)}(\.[0-9a-f]{{32}})+")
    for partial in path.parent.iterdir():
        if ours.fullmatch(partial.name):
            with suppress(OSError):
                _remove_unless_locked(partial)


@contextmanager
def _reserved(partial: Path) -> Iterator[None]:
    """Keep a file that will be written from being removed by `remove_partials` meanwhile."""
    if sys.platform == "win32":  # Files in use can't be removed there.
        yield
        return
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _is_locked_now(descriptor)
        yield
    finally:
        os.close(descriptor)


def _remove_unless_locked(partial: Path) -> None:
    if sys.platform == "win32":
        partial.unlink()
        return
    descriptor = os.open(partial, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if _is_locked_now(descriptor):
            partial.unlink()
    finally:
        os.close(descriptor)


def _is_locked_now(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether that is possible now."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # Somebody else has the lock, or the file system has none.
        return False
    return True


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file that is whole or, after an error, as it was before; see `replacing`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


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
