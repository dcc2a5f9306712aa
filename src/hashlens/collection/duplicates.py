"""Near-duplicates: all pairs within a radius, joined to groups."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.collection.results import DuplicateGroup
from hashlens.collection.store import Snapshot, Storage
from hashlens.indexes import pairs_within
from hashlens.native import connected_components


def duplicate_groups(storage: Storage, snapshot: Snapshot, radius: int) -> list[DuplicateGroup]:
    """Return the connected components of "within ``radius`` bits", over exactly all pairs.

    Equal codes are joined before pairs are sought, so that many copies of one image cost no more
    than one.
    """
    live = snapshot.live
    codes, members = np.unique(snapshot.codes[live], axis=0, return_inverse=True)
    pairs = pairs_within(codes, radius)
    components = connected_components(len(codes), pairs.first, pairs.second)
    group_of = components[members.reshape(-1)]
    widest = np.zeros(len(codes), dtype=np.int64)
    np.maximum.at(widest, components[pairs.first], pairs.distances)
    return _named_groups(storage, live, group_of, widest)


def _named_groups(
    storage: Storage,
    live: npt.NDArray[np.int64],
    group_of: npt.NDArray[np.int64],
    widest: npt.NDArray[np.int64],
) -> list[DuplicateGroup]:
    """Return the groups of more than one image, sorted by their first path."""
    sizes = np.bincount(group_of, minlength=1)
    order = np.argsort(group_of, kind="stable")
    order = order[sizes[group_of[order]] > 1]
    rows = storage.catalog.by_slot(live[order].tolist())
    paths: dict[int, list[str]] = {}
    for position in order.tolist():
        paths.setdefault(int(group_of[position]), []).append(rows[int(live[position])].path)
    groups = [DuplicateGroup(sorted(found), int(widest[group])) for group, found in paths.items()]
    return sorted(groups, key=lambda group: group.paths)
