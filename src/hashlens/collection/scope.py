"""Which files a collection is about: roots that were asked for, and parts that were removed.

Both are paths in one table, and for a file the deepest entry above it decides. So removing a folder
below a root leaves it out from then on, and asking for that folder again brings it back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from hashlens.collection.results import MoveReport, RemoveReport
from hashlens.collection.store import Catalog, Storage
from hashlens.errors import CollectionError
from hashlens.images import Exclusions, PassedOver, walk_images

PathLike = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Paths = PathLike | Sequence[PathLike]
Reasons = list[tuple[str, str]]


def absolute(path: PathLike) -> str:
    """Return a path as the catalog keeps it: absolute and normalized, links not resolved.

    A leading ``~`` is the user's home.
    """
    return os.path.abspath(os.path.expanduser(os.fsdecode(path)))


def all_absolute(paths: Paths) -> list[str]:
    """Return one path, or each of several, as the catalog keeps it."""
    several = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths
    return [absolute(path) for path in several]


def is_below(path: str, folder: str) -> bool:
    """Return whether an absolute path is a folder or anything below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def add_roots(catalog: Catalog, paths: Sequence[str], exclude: Sequence[str] | None) -> None:
    """Remember those of the paths that exist, to be kept up to date.

    Without ``exclude``, what was left out below them before still is.
    """
    patterns = None if exclude is None else Exclusions(exclude).patterns
    with catalog.transaction():
        for path in paths:
            if os.path.exists(path):
                catalog.roots.add(path, patterns)


@dataclass(frozen=True, slots=True)
class Walked:
    """What there is at and below some paths.

    Attributes
    ----------
    files : list of str
        Image files, without removed parts and what a pattern excludes.
    unreadable : list of (path, reason)
        Paths and folders that do not exist or can't be read.
    dead_ends : list of (path, reason)
        Names of images in folders that lead to no regular file.
    passed_over : PassedOver
    """

    files: list[str]
    unreadable: Reasons
    dead_ends: Reasons
    passed_over: PassedOver


class Scope:
    """The roots of a collection, and what is left out below them, at one instant.

    Parameters
    ----------
    catalog : Catalog
    """

    def __init__(self, catalog: Catalog) -> None:
        self.roots = {root.path: Exclusions(root.patterns) for root in catalog.roots.all()}
        self._removed = frozenset(catalog.roots.excluded())

    def walk(self, paths: Sequence[str]) -> Walked:
        """Find the image files at and below paths."""
        walked = Walked([], [], [], PassedOver())
        walked.files.extend(
            walk_images(
                paths,
                lambda *error: walked.unreadable.append(error),
                self._removed.__contains__,
                self._exclusions_of,
                walked.passed_over,
                lambda *error: walked.dead_ends.append(error),
            )
        )
        return walked

    def hides(self, path: str) -> bool:
        """Return whether a pattern of the nearest root above a file leaves it out."""
        root = self.root_of(path)
        if root is None or root == path:
            return False
        return self.roots[root].hides(path.removeprefix(root).lstrip(os.sep))

    def root_of(self, path: str) -> str | None:
        """Return the nearest root at or above a path."""
        while path not in self.roots:
            parent = os.path.dirname(path)
            if parent == path:
                return None
            path = parent
        return path

    def _exclusions_of(self, path: str) -> Exclusions:
        root = self.root_of(path)
        return Exclusions() if root is None else self.roots[root]


def remove_paths(storage: Storage, paths: Sequence[str]) -> RemoveReport:
    """Forget the files at and below paths, and leave those paths out of updates."""
    removed, unknown = 0, []
    for path in paths:
        with storage.changes() as catalog:
            files = catalog.files.remove(path, below=True)
            known = files + catalog.roots.remove(path) > 0
            if known and catalog.roots.kind_above(path) == "root":
                catalog.roots.exclude(path)
        removed += files
        if not known:
            unknown.append(path)
    return RemoveReport(removed, unknown)


def move_paths(storage: Storage, old: str, new: str) -> MoveReport:
    """Rewrite a path, and all below it, of files and roots."""
    with storage.changes() as catalog:
        report = MoveReport(catalog.files.move(old, new), catalog.roots.move(old, new))
        if not report.files and not report.roots:
            raise CollectionError(f"The collection holds nothing at {old}.")
        if Scope(catalog).root_of(new) is None:
            catalog.roots.add(new)
    return report
