"""Find the image files in folders, in a reproducible order."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from hashlens.images.exclusions import Exclusions
from hashlens.images.formats import IMAGE_SUFFIXES, suffixes_of_extra
from hashlens.images.passed_over import EXCLUDED, HIDDEN, NO_DECODER, NO_IMAGE, PassedOver

OnError = Callable[[str, str], None]
"""Called with a path and the reason why it, or its content, is missing from the results."""


class _Entry(NamedTuple):
    path: str
    is_directory: bool


class _Root(NamedTuple):
    """A folder that is being walked: its path, and what is left out below it."""

    path: str
    exclusions: Exclusions

    def leaves_out(self, item: os.DirEntry[str], folder: bool) -> bool:
        relative = item.path.removeprefix(self.path).lstrip(os.sep)
        return self.exclusions.leave_out(relative, folder)


def walk_images(
    paths: Iterable[str | bytes | os.PathLike[str] | os.PathLike[bytes]],
    on_error: OnError | None = None,
    skip: Callable[[str], bool] | None = None,
    exclusions_of: Callable[[str], Exclusions] | None = None,
    passed_over: PassedOver | None = None,
    on_dead_end: OnError | None = None,
) -> Iterator[str]:
    """Yield the image files among and below ``paths``, each once.

    Folders are entered in the order given, their entries sorted by the bytes of their names. In a
    folder, files are selected by suffix (`IMAGE_SUFFIXES`, in any case); names that start with a
    dot and what a pattern excludes are left out. A file that is named explicitly is accepted
    whatever its name. Folders behind symbolic links come after all others, and no folder is
    entered twice, so loops end.

    Parameters
    ----------
    paths : files and folders
        Names need not be valid UTF-8: a ``str`` carries their bytes as `os.fsdecode` does.
    on_error : callable, optional
        Called with (path, reason) for what does not exist, is not a regular file or can't be read.
        By default such paths are skipped silently.
    skip : callable, optional
        Files and folders for which it returns true are left out, with their content.
    exclusions_of : callable, optional
        Returns what is left out below one of ``paths``. By default, what a NAS or an operating
        system keeps for itself.
    passed_over : PassedOver, optional
        Counts what is left out of folders, but for what ``skip`` names.
    on_dead_end : callable, optional
        Called instead of ``on_error`` for the name of an image in a folder that leads to no regular
        file: a broken link, a pipe.

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
    report = on_error or _ignore
    walk = _Walk(
        report,
        on_dead_end or report,
        skip or _never,
        PassedOver() if passed_over is None else passed_over,
    )
    for path in map(os.fsdecode, paths):
        exclusions = Exclusions() if exclusions_of is None else exclusions_of(path)
        yield from walk.root(_Root(path, exclusions))
    yield from walk.linked_folders()


def _ignore(path: str, reason: str) -> None:
    """Drop an error."""


def _never(path: str) -> bool:
    return False


class _Walk:
    """The state of one walk: folders and files seen, and links still to be followed."""

    def __init__(
        self,
        on_error: OnError,
        on_dead_end: OnError,
        skip: Callable[[str], bool],
        passed_over: PassedOver,
    ) -> None:
        self._on_error = on_error
        self._on_dead_end = on_dead_end
        self._skip = skip
        self._passed_over = passed_over
        self._seen_folders: set[tuple[int, int]] = set()
        self._seen_files: set[str] = set()
        self._links: list[tuple[str, _Root]] = []
        self._suffixes_of_extra = suffixes_of_extra()

    def root(self, root: _Root) -> Iterator[str]:
        """Walk a path that was named explicitly."""
        try:
            mode = os.stat(root.path).st_mode
        except (OSError, ValueError) as error:
            self._on_error(root.path, reason_of(error))
            return
        if stat.S_ISDIR(mode):
            yield from self._folder(root.path, root)
        elif not stat.S_ISREG(mode):
            self._on_error(root.path, "neither a regular file nor a folder")
        elif not self._skip(root.path):
            yield from self._file(root.path)

    def linked_folders(self) -> Iterator[str]:
        """Walk the folders behind symbolic links, including links that are found on the way."""
        while self._links:
            yield from self._folder(*self._links.pop(0))

    def _folder(self, start: str, root: _Root) -> Iterator[str]:
        # A stack instead of recursion, so that the depth is not limited by Python.
        stack = [_Entry(start, True)]
        while stack:
            path, is_directory = stack.pop()
            if self._skip(path):
                continue
            if is_directory:
                stack.extend(reversed(self._entries(path, root)))
            else:
                yield from self._file(path)

    def _file(self, path: str) -> Iterator[str]:
        if path not in self._seen_files:
            self._seen_files.add(path)
            yield path

    def _entries(self, folder: str, root: _Root) -> list[_Entry]:
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
        return [entry for item in found if (entry := self._entry(item, root)) is not None]

    def _entry(self, item: os.DirEntry[str], root: _Root) -> _Entry | None:
        try:
            is_folder = item.is_dir()
            reason = self._reason_to_pass(item, is_folder, root)
            if reason is not None:
                self._passed_over.add(reason, item.name, is_folder)
                return None
            if is_folder and item.is_symlink():
                self._links.append((item.path, root))
                return None
            if is_folder or item.is_file():
                return _Entry(item.path, is_folder)
            # Anything else is a broken link, or a pipe or socket that would block a reader.
            os.stat(item.path)
            self._on_dead_end(item.path, "not a regular file")
        except OSError as error:
            if is_broken_link(error):
                self._on_dead_end(item.path, reason_of(error))
                return None
            self._on_error(item.path, reason_of(error))
        return None

    def _reason_to_pass(self, item: os.DirEntry[str], is_folder: bool, root: _Root) -> str | None:
        if item.name.startswith("."):
            return HIDDEN
        if root.leaves_out(item, is_folder):
            return EXCLUDED
        suffix = os.path.splitext(item.name)[1].lower()
        if is_folder or suffix in IMAGE_SUFFIXES:
            return None
        return NO_DECODER if suffix in self._suffixes_of_extra else NO_IMAGE


def is_broken_link(error: OSError) -> bool:
    """Return whether examining an entry that is there failed since it leads nowhere."""
    return error.errno in (errno.ENOENT, errno.ELOOP)


def reason_of(error: OSError | ValueError) -> str:
    """Return the reason of a file system error, without the path."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)
