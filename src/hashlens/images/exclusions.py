"""What is left out of folders: patterns as in a ``.gitignore`` file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from hashlens.errors import ParameterError

if TYPE_CHECKING:
    import pathspec

DEFAULT_PATTERNS = (
    *(
        "@eaDir/",
        "@tmp/",
        "@sharebin/",
        r"\#recycle/",
        r"\#snapshot/",
        "@Recycle/",
        "@Recently-Snapshot/",
    ),
    *("$RECYCLE.BIN/", "RECYCLER/", "System Volume Information/", "FOUND.[0-9][0-9][0-9]/"),
    *("__MACOSX/", "lost+found/", ".Trash*/", ".thumbnails/", ".Spotlight-V100/", ".fseventsd/"),
)
"""Folders in which a NAS or an operating system keeps thumbnails, deleted files and its own data.
Patterns that a user gives come after these, so ``!@eaDir/`` takes them in again."""


class Exclusions:
    """What is left out below one root.

    Parameters
    ----------
    patterns : sequence of str
        Each in the syntax of ``.gitignore``, relative to the root; added to `DEFAULT_PATTERNS`.

    Raises
    ------
    ParameterError
        If a pattern is invalid.

    Examples
    --------
    >>> exclusions = Exclusions(["*.tmp.jpg", "/private/"])
    >>> exclusions.leave_out("2020/a.tmp.jpg"), exclusions.leave_out("2020/private", folder=True)
    (True, False)
    >>> exclusions.leave_out("2020/@eaDir", folder=True)
    True
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.patterns = tuple(patterns)
        if self.patterns:
            _ = self._spec  # An invalid pattern is refused before any work.

    def leave_out(self, path: str, folder: bool = False) -> bool:
        """Return whether a path below the root, relative to it, is left out by itself.

        A file in a folder that is left out is not looked at; see `hides`.
        """
        if not folder and not self.patterns:
            return False  # The defaults are about folders alone.
        return self._spec.match_file(path + "/" if folder else path)

    def hides(self, path: str) -> bool:
        """Return whether a file below the root, relative to it, or a folder above is left out."""
        parts = path.split(os.sep)
        folders = (os.sep.join(parts[:end]) for end in range(1, len(parts)))
        return any(self.leave_out(name, folder=True) for name in folders) or self.leave_out(path)

    @cached_property
    def _spec(self) -> pathspec.GitIgnoreSpec:
        import pathspec

        try:
            return pathspec.GitIgnoreSpec.from_lines([*DEFAULT_PATTERNS, *self.patterns])
        except ValueError as error:
            raise ParameterError(
                f"An exclusion is a pattern as in a .gitignore file. {error}"
            ) from None
