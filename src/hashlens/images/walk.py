"""Find the image files in folders, in a reproducible order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from hashlens.images.formats import IMAGE_SUFFIXES

OnError = Callable[[str, str], None]
"""Called with a path and the reason why it, or its content, is missing from the results."""


class _Entry(NamedTuple):
    path: str
    is_directory: bool


def walk_images(
    paths: Iterable[str | bytes | os.PathLike[str] | os.PathLike[bytes]],
    on_error: OnError | None = None,
    skip: Callable[[str], bool] | None = None,
) -> Iterator[str]:
    """Yield the image files among and below ``paths``, each once.

    Folders are entered in the order given, their entries sorted by the bytes of their names. In a
    folder, files are selected by suffix (`IMAGE_SUFFIXES`, in any case), and names that start with
    a dot are skipped; a file that is named explicitly is accepted whatever its name. Folders behind
    symbolic links come after all others, and no folder is entered twice, so loops end.

    Parameters
    ----------
    paths : files and folders
        Names need not be valid UTF-8: a ``str`` carries their bytes as `os.fsdecode` does.
    on_error : callable, optional
        Called with (path, reason) for what does not exist, is not a regular file or can't be read.
        By default such paths are skipped silently.
    skip : callable, optional
        Files and folders for which it returns true are left out, with their content.

    Yields
    ------
    str
        Paths that start with the given ones; not resolved, not made absolute.

    Examples
    --------
    >>> list(walk_images(["no/such/folder"], on_error=print))
    no/such/folder no such file or folder
    []
    """
    walk = _Walk(on_error or _ignore, skip or _never)
    for path in paths:
        yield from walk.root(os.fsdecode(path))
    yield from walk.linked_folders()


def _ignore(path: str, reason: str) -> None:
    """Drop an error."""


def _never(path: str) -> bool:
    return False


class _Walk:
    """The state of one walk: folders and files seen, and links still to be followed."""

    def __init__(self, on_error: OnError, skip: Callable[[str], bool]) -> None:
        self._on_error = on_error
        self._skip = skip
        self._seen_folders: set[tuple[int, int]] = set()
        self._seen_files: set[str] = set()
        self._links: list[str] = []

    def root(self, path: str) -> Iterator[str]:
        """Walk a path that was named explicitly."""
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError) as error:
            self._on_error(path, reason_of(error))
            return
        if stat.S_ISDIR(mode):
            yield from self._folder(path)
        elif not stat.S_ISREG(mode):
            self._on_error(path, "neither a regular file nor a folder")
        elif not self._skip(path):
            yield from self._file(path)

    def linked_folders(self) -> Iterator[str]:
        """Walk the folders behind symbolic links, including links that are found on the way."""
        while self._links:
            yield from self._folder(self._links.pop(0))

    def _folder(self, root: str) -> Iterator[str]:
        # A stack instead of recursion, so that the depth is not limited by Python.
        stack = [_Entry(root, True)]
        while stack:
            path, is_directory = stack.pop()
            if self._skip(path):
                continue
            if is_directory:
                stack.extend(reversed(self._entries(path)))
            else:
                yield from self._file(path)

    def _file(self, path: str) -> Iterator[str]:
        if path not in self._seen_files:
            self._seen_files.add(path)
            yield path

    def _entries(self, folder: str) -> list[_Entry]:
        """Return the subfolders and images of a folder; keep its links to folders for later."""
        try:
            identity = os.stat(folder)
            if (identity.st_dev, identity.st_ino) in self._seen_folders:
                return []
            self._seen_folders.add((identity.st_dev, identity.st_ino))
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            self._on_error(folder, reason_of(error))
            return []
        return [entry for item in found if (entry := self._entry(item)) is not None]

    def _entry(self, item: os.DirEntry[str]) -> _Entry | None:
        if item.name.startswith("."):
            return None
        try:
            if item.is_dir():
                if item.is_symlink():
                    self._links.append(item.path)
                    return None
                return _Entry(item.path, True)
            if os.path.splitext(item.name)[1].lower() not in IMAGE_SUFFIXES:
                return None
            if item.is_file():
                return _Entry(item.path, False)
            # Anything else is a broken link, or a pipe or socket that would block a reader.
            os.stat(item.path)
            self._on_error(item.path, "not a regular file")
        except OSError as error:
            self._on_error(item.path, reason_of(error))
        return None


def reason_of(error: OSError | ValueError) -> str:
    """Return the reason of a file system error, without the path."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)
