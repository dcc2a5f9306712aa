"""Near-duplicates: files whose codes chains of pairs within a radius connect."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from hashlens.arrays import Ids, Labels
from hashlens.collection.results import DuplicateGroup
from hashlens.collection.store import FileRow, Snapshot, Storage
from hashlens.images import FileState
from hashlens.indexes import components_within


def duplicate_groups(storage: Storage, snapshot: Snapshot, radius: int) -> list[DuplicateGroup]:
    """Return the connected components of "within ``radius`` bits", as groups of files.

    Equal codes are joined before pairs are sought, so that many copies of one image cost no more
    than one.
    """
    live = snapshot.live
    codes, members = np.unique(snapshot.codes[live], axis=0, return_inverse=True)
    components = components_within(codes, radius)
    group_of = components.labels[members.reshape(-1)]
    groups = []
    for number, slots in _groups_of(storage, live, group_of):
        names = storage.catalog.files.names_of(slots)
        group = _named_group([names[slot] for slot in slots], int(components.widest[number]))
        if len(group.paths) > 1:
            groups.append(group)
    return sorted(groups, key=lambda group: group.paths)


def _groups_of(storage: Storage, live: Ids, group_of: Labels) -> list[tuple[int, list[int]]]:
    """Return number and slots of each group that may hold more than one file."""
    sizes = np.bincount(group_of, minlength=1)
    order = np.argsort(group_of, kind="stable")
    parts = np.split(live[order], np.cumsum(sizes)[:-1])
    shared = frozenset(storage.catalog.files.shared_slots().tolist())
    return [
        (number, part.tolist())
        for number, part in enumerate(parts)
        if len(part) > 1 or (len(part) and int(part[0]) in shared)
    ]


def _named_group(images: Sequence[Sequence[FileRow]], widest: int) -> DuplicateGroup:
    """Return a group with each file once, by the first of its names."""
    paths: list[str] = []
    identical: list[list[str]] = []
    links: dict[str, list[str]] = {}
    for rows in images:
        files = _names_by_file(rows)
        paths += files
        links |= {path: names for path, names in files.items() if names}
        if len(files) > 1:
            identical.append(sorted(files))
    return DuplicateGroup(sorted(paths), widest, sorted(identical), links)


def _names_by_file(rows: Sequence[FileRow]) -> dict[str, list[str]]:
    """Return the further names of each file by its first; the rows are of one image."""
    found: dict[tuple[int | None, int | None], list[str]] = {}
    for row in rows:
        found.setdefault(_identity(row) if len(rows) > 1 else (0, 0), []).append(row.path)
    return {names[0]: names[1:] for names in found.values()}


def _identity(row: FileRow) -> tuple[int | None, int | None]:
    """Return device and inode as they are now: a device may have another number than at first."""
    try:
        state = FileState.of(os.stat(row.path))
    except (OSError, ValueError):
        return row.device, row.inode
    return state.device, state.inode
