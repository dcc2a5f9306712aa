"""Which files a collection is about: roots that were asked for, and parts that were removed.

Both are paths in one table, and for a file the deepest entry above it decides. So removing a folder
below a root leaves it out from then on, and asking for that folder again brings it back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from hashlens.collection.results import RemoveReport
from hashlens.collection.store import Catalog, Storage
from hashlens.images import walk_images

PathLike = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Paths = PathLike | Sequence[PathLike]
Failures = list[tuple[str, str]]


def absolute(path: PathLike) -> str:
    """Return a path as the catalog keeps it: absolute and normalized, links not resolved.

    A leading ``~`` is the user's home.
    """
    return os.path.abspath(os.path.expanduser(os.fsdecode(path)))


def all_absolute(paths: Paths) -> list[str]:
    """Return one path, or each of several, as the catalog keeps it."""
    several = [paths] if isinstance(paths, (str, bytes, os.PathLike)) else paths
    return [absolute(path) for path in several]


def add_roots(catalog: Catalog, paths: Sequence[str]) -> None:
    """Remember those of the paths that exist, to be kept up to date."""
    with catalog.transaction():
        catalog.put_roots((path for path in paths if os.path.exists(path)), "root")


def images_below(catalog: Catalog, paths: Sequence[str], failed: Failures) -> list[str]:
    """Return the image files at and below ``paths``, without removed parts."""
    excluded = frozenset(catalog.roots("excluded"))

    def report(path: str, reason: str) -> None:
        failed.append((path, reason))

    return list(walk_images(paths, report, excluded.__contains__))


def remove_paths(storage: Storage, paths: Sequence[str]) -> RemoveReport:
    """Forget the images at and below paths, and leave those paths out of updates."""
    catalog = storage.catalog
    removed, unknown = 0, []
    for path in paths:
        images = storage.remove([path], below=True)
        with catalog.transaction():
            known = images + catalog.remove_roots(path) > 0
            if known and _nearest_kind(catalog, path) == "root":
                catalog.put_roots([path], "excluded")
        removed += images
        if not known:
            unknown.append(path)
    return RemoveReport(removed, unknown)


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """What an update has to do.

    Attributes
    ----------
    files : list of str
        To be looked at: what the roots hold by now, then other files that the collection knows.
    gone : list of str
        Known files that have vanished, while the root that they were found under has not. Where it
        has too, as with a drive that is not plugged in, nothing is taken for gone.
    """

    files: list[str]
    gone: list[str]


def plan_update(catalog: Catalog, failed: Failures) -> UpdatePlan:
    """Compare the catalog with what is on the disk; report roots that are missing as failed."""
    roots = catalog.roots("root")
    missing = [root for root in roots if not os.path.exists(root)]
    files = images_below(catalog, [root for root in roots if root not in missing], failed)
    seen, gone = frozenset(files), []
    for path in catalog.paths():
        if path in seen:
            continue
        if not _is_gone(path):
            files.append(path)
        elif not any(_hides(root, path) for root in missing):
            gone.append(path)
    for root in missing:
        if root not in gone:
            failed.append((root, "no such file or folder; its images were kept"))
    return UpdatePlan(files, gone)


def forget_gone(storage: Storage, gone: Sequence[str]) -> int:
    """Drop vanished files, also as roots; return how many."""
    if not gone:
        return 0
    removed = storage.remove(gone)
    with storage.catalog.transaction():
        for path in gone:
            storage.catalog.remove_roots(path)
    return removed


def _is_gone(path: str) -> bool:
    """Whether a path certainly does not exist; an unreadable folder does not prove that."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _hides(root: str, path: str) -> bool:
    """Whether a missing root says nothing about the file: a file that is its own root counts as
    gone while the folder that held it exists.
    """
    if path == root:
        return not os.path.isdir(os.path.dirname(path))
    return path.startswith(root.rstrip("/") + "/")


def _nearest_kind(catalog: Catalog, path: str) -> str | None:
    """Return the kind of the deepest root or exclusion above a path."""
    kinds = {root: kind for kind in ("root", "excluded") for root in catalog.roots(kind)}
    while path != (parent := os.path.dirname(path)):
        path = parent
        if path in kinds:
            return kinds[path]
    return None
