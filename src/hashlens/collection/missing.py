"""Images whose files are not seen: marked as missing, counted, and removed when asked to.

Absence is no deletion: a share that is not mounted, an empty mount point or a broken link below a
root look like deleted files. So nothing is removed for not being there; `prune` does it on demand.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from hashlens.collection.results import MissingImages, PruneReport
from hashlens.collection.scope import Reasons, Scope, is_below
from hashlens.collection.store import Catalog, FileRow, Storage
from hashlens.images.walk import is_broken_link, reason_of

_DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Unseen:
    """What has become of known files that a walk through the roots did not find.

    Attributes
    ----------
    present : list of str
        Regular files all the same, and those that can't be examined: to be looked at.
    gone : list of FileRow
        There is nothing at their paths, or a pattern leaves them out.
    dead_ends : list of (FileRow, reason)
        There is something at their paths, but it leads to no picture.
    """

    present: list[str]
    gone: list[FileRow]
    dead_ends: list[tuple[FileRow, str]]


def examine_unseen(catalog: Catalog, scope: Scope, seen: Collection[str]) -> Unseen:
    """Look at the paths that the catalog knows and that are not among ``seen``."""
    unseen = Unseen([], [], [])
    paths = [path for path in catalog.files.paths() if path not in seen]
    rows = catalog.files.by_path(paths)
    for path in paths:
        state, reason = _state_of(path)
        if state == "gone" or (state == "present" and scope.hides(path)):
            unseen.gone.append(rows[path])
        elif state == "present":
            unseen.present.append(path)
        else:
            unseen.dead_ends.append((rows[path], reason))
    return unseen


def mark_unseen(storage: Storage, unseen: Unseen) -> Reasons:
    """Let images be missing whose files were not seen; return what is to be said of it, once."""
    now = int(time.time())
    said = [(row.path, reason) for row, reason in unseen.dead_ends if row.reason != reason]
    if not unseen.gone and not said:
        return []
    with storage.changes() as catalog:
        for row in unseen.gone:
            if row.slot is None:
                catalog.files.remove(row.path)  # It never was an image.
            elif row.missing_since is None or row.reason is not None:
                catalog.files.mark_missing(row, now, None)
        for row, reason in unseen.dead_ends:
            if row.reason != reason:
                catalog.files.mark_missing(row, now, reason)
    return said


def note_dead_ends(storage: Storage, dead_ends: Reasons) -> Reasons:
    """Remember names of images that lead to no picture; return those that are news."""
    known = storage.catalog.files.by_path([path for path, _ in dead_ends])
    news = [
        (path, reason)
        for path, reason in dead_ends
        if path not in known or known[path].reason != reason
    ]
    if news:
        now = int(time.time())
        with storage.changes() as catalog:
            for path, reason in news:
                row = known.get(path)
                if row is None or row.slot is None:
                    catalog.files.put(FileRow(path, None, None, None, None, reason=reason))
                else:
                    catalog.files.mark_missing(row, now, reason)
    return news


def all_missing(catalog: Catalog) -> list[MissingImages]:
    """Return the missing images of a collection, by root."""
    hidden = catalog.files.hidden()
    if not len(hidden):
        return []
    return _by_root(catalog, catalog.files.missing(), set(hidden.tolist()))


def absent_roots(catalog: Catalog, roots: Iterable[str]) -> Reasons:
    """Return the roots that seem to be away, with what that means for their images."""
    away = {found.root: found for found in all_missing(catalog) if found.away}
    known = catalog.files.by_path([root for root in roots if root not in away])
    return [
        (
            found.root,
            f"missing or empty; its {found.images:,} images are kept, and found again once they "
            "are seen there",
        )
        for found in away.values()
    ] + [
        (root, "no such file or folder")
        for root in roots
        if root not in away and root not in known and not os.path.exists(root)
    ]


def prune(
    storage: Storage, older_than: float | None, under: str | None, dry_run: bool
) -> PruneReport:
    """Remove missing files for good, or tell which; see `Collection.prune`."""
    catalog = storage.catalog
    latest = time.time() if older_than is None else time.time() - older_than * _DAY
    missing = [row for row in catalog.files.missing() if row.slot is not None]
    chosen = [
        row
        for row in missing
        if (row.missing_since or 0) <= latest and (under is None or is_below(row.path, under))
    ]
    paths = {row.path for row in chosen}
    kept = {row.slot for row in missing if row.path not in paths}
    lost = {row.slot for row in chosen if row.slot is not None} - kept
    lost &= set(catalog.files.hidden().tolist())
    report = PruneReport(len(lost), len(chosen), _by_root(catalog, chosen, lost))
    if chosen and not dry_run:
        roots = Scope(catalog).roots
        with storage.changes():
            for path in paths:
                catalog.files.remove(path)
                if path in roots:
                    catalog.roots.remove(path)
    return report


def _by_root(
    catalog: Catalog, rows: Sequence[FileRow], slots: Collection[int]
) -> list[MissingImages]:
    """Return the images of ``slots`` by the root above their first file among ``rows``."""
    scope = Scope(catalog)
    since: dict[str, list[int]] = {}
    counted: set[int] = set()
    for row in rows:
        if row.slot is not None and row.slot in slots and row.slot not in counted:
            counted.add(row.slot)
            folder = os.path.dirname(row.path)
            since.setdefault(scope.root_of(folder) or folder, []).append(row.missing_since or 0)
    return [
        MissingImages(root, len(times), _as_text(min(times)), _is_away(root))
        for root, times in sorted(since.items())
    ]


def _as_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _state_of(path: str) -> tuple[Literal["present", "gone", "dead end"], str]:
    """Return what is at a path; a file that can't be examined counts as present."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return "gone", ""
    except (OSError, ValueError):
        return "present", ""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return ("dead end", reason_of(error)) if is_broken_link(error) else ("present", "")
    if stat.S_ISDIR(mode):
        return "dead end", "a folder now"
    return ("present", "") if stat.S_ISREG(mode) else ("dead end", "not a regular file")


def _is_away(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True
