"""Files that may come from strangers: opened only if they are regular, written never by a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hashlens.errors import FormatError


def check_regular(path: Path) -> None:
    """Refuse to write where something other than a regular file is.

    Raises
    ------
    FormatError
        If there is a symbolic link, a folder, a pipe or a device; a missing file is fine.
    """
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise FormatError(f"{path} can't be read: {error.strerror or error}.") from error
    if not stat.S_ISREG(mode):
        raise FormatError(
            f"{path} is {_kind(mode)}, where a regular file was expected. Nothing is written to "
            "it. Remove it if you do not know it."
        )


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Return a descriptor of a regular file, without waiting for the writer of a pipe.

    A link is followed for reading only.

    Raises
    ------
    FormatError
        If it is not a regular file.
    OSError
        If it can't be opened.
    """
    if flags & (os.O_WRONLY | os.O_RDWR):
        check_regular(path)
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise FormatError(f"{path} is {_kind(mode)}, where a regular file was expected.")
    return descriptor


def read_regular(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most ``limit`` bytes.

    Raises
    ------
    FormatError
        If it is not a regular file, or larger.
    OSError
        If it can't be read.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        # Reading up to the limit would set aside as much memory, however small the file.
        data = file.read(size) if size <= limit else b""
    if size > limit:
        raise FormatError(f"{path} is larger than {limit:,} bytes, the most that is read.")
    return data


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")
