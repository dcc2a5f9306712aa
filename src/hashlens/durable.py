"""Files and folders that are whole or not there, and on the disk when the call returns."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from hashlens.errors import HashlensError, ParameterError


def check_output(path: Path) -> None:
    """Refuse an output that can't become a file.

    Raises
    ------
    ParameterError
        If its folder does not exist, or if it exists and is no file: nothing else is overwritten.
    """
    if not path.parent.is_dir():
        raise ParameterError(f"{path} can't be written: there is no folder {path.parent}.")
    if path.exists() and not path.is_file():
        raise ParameterError(f"{path} exists and is not a file. Choose another name.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a file to write beside ``path``; in the end it takes the place of ``path``.

    After an error, or a kill, what was at ``path`` is still there, unchanged.

    Raises
    ------
    ParameterError
        If ``path`` can't become a file; see `check_output`.
    HashlensError
        If it can't be written, for instance because the disk is full.
    """
    check_output(path)
    # Through a link, the file that it leads to is replaced, and the link stays.
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        yield partial
        with partial.open("rb+") as file:
            sync_file(file.fileno())
        os.replace(partial, target)
        sync_folder(target.parent)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = " Free some space, or write to another disk." if full else ""
        raise HashlensError(
            f"{path} can't be written: {error.strerror or error}. What was there before is "
            f"unchanged.{hint}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path, own: Collection[str]) -> Iterator[Path]:
    """Yield a new folder to fill; in the end it takes the place of ``folder``, which may exist.

    After an error, what was at ``folder`` is still there, unchanged. Two renames make the change,
    and a kill between them leaves nothing at ``folder``: `restore_folder` then ends it.

    Parameters
    ----------
    folder : Path
        Absolute.
    own : collection of str
        Names in it that are replaced or go; all others are the user's and stay.

    Raises
    ------
    OSError
        If it can't be written.
    """
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    retired = partial.with_name(partial.name + _RETIRED)
    try:
        partial.mkdir(parents=True)
        yield partial
        sync_tree(partial)
        if folder.exists():
            folder.rename(retired)
            try:
                partial.rename(folder)
            except OSError:
                retired.rename(folder)
                raise
            _clear(retired, folder, own)
        else:
            partial.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def restore_folder(folder: Path) -> None:
    """Give ``folder`` its new content, where `replacing_folder` was killed between its renames.

    Raises
    ------
    OSError
        If the folder above can't be written.
    """
    if folder.exists():
        return
    for leftover in _leftovers(folder):
        partial = leftover.with_suffix("")
        # The old one is set aside only when the new one is whole.
        if leftover.suffix == _RETIRED and partial.is_dir():
            partial.rename(folder)
            return


def clear_leftovers(folder: Path, own: Collection[str]) -> None:
    """Remove what killed calls of `replacing_folder` left beside ``folder``, not the user's own.

    Raises
    ------
    OSError
        If the user's files can't be moved back.
    """
    for leftover in _leftovers(folder):
        if leftover.suffix != _RETIRED:
            shutil.rmtree(leftover, ignore_errors=True)
        elif folder.exists():
            _clear(leftover, folder, own)


_RETIRED = ".old"
_UNFINISHED = re.compile(rf"\.(?P<name>.+)\.[0-9a-f]{{32}}({re.escape(_RETIRED)})?")
"""Names of what is written here, and set aside, until it is whole."""


def _leftovers(folder: Path) -> list[Path]:
    if not folder.parent.is_dir():
        return []
    named = ((path, _UNFINISHED.fullmatch(path.name)) for path in folder.parent.iterdir())
    return [path for path, match in named if match and match["name"] == folder.name]


def _clear(retired: Path, folder: Path, own: Collection[str]) -> None:
    """Remove a folder that was replaced, after what is the user's was moved into the new one."""
    for path in retired.iterdir():
        kept = path.name not in own and not _UNFINISHED.fullmatch(path.name)
        if kept and not (folder / path.name).exists():
            path.rename(folder / path.name)
    shutil.rmtree(retired, ignore_errors=True)


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
