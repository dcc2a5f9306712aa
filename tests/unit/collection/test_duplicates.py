"""Groups of near-duplicates are the connected components over all pairs, exactly."""

import shutil

import numpy as np
import pytest

from hashlens.codes import hamming_distance


def naive_groups(storage, radius):
    """Merge all pairs within the radius, one by one."""
    rows = [row for row in storage.catalog.files.all() if row.slot is not None]
    codes = np.stack([storage.record(row.slot)[0] for row in rows])
    group = list(range(len(rows)))
    for i in range(len(rows)):
        for j in range(i):
            if hamming_distance(codes[i], codes[j]) <= radius:
                old, new = group[i], group[j]
                group = [new if member == old else member for member in group]
    found = {}
    for row, member in zip(rows, group, strict=True):
        found.setdefault(member, []).append(row.path)
    return sorted(sorted(paths) for paths in found.values() if len(paths) > 1)


@pytest.mark.parametrize("radius", [0, 5, 15, 20, 24, 28, 64, 1000])
def test_groups_are_those_of_naive_merging(collection, photos, radius):
    shutil.copy(photos / "a/00.png", photos / "copy.png")
    collection.index([photos])
    groups = collection.duplicates(radius)
    assert [group.paths for group in groups] == naive_groups(collection._storage, radius)
    assert all(group.widest <= radius for group in groups)


def test_copies_are_found_at_radius_zero(collection, photos):
    shutil.copy(photos / "a/00.png", photos / "copy.png")
    shutil.copy(photos / "a/00.png", photos / "b/copy.png")
    collection.index([photos])
    (group,) = collection.duplicates(0)
    assert group.paths == [str(photos / name) for name in ("a/00.png", "b/copy.png", "copy.png")]
    assert group.widest == 0


def test_removed_images_are_in_no_group(collection, photos):
    shutil.copy(photos / "a/00.png", photos / "copy.png")
    collection.index([photos])
    collection.remove([photos / "copy.png"])
    assert collection.duplicates(0) == []


def test_the_widest_pair_of_a_group_is_named(collection, photos):
    collection.index([photos])
    (group,) = collection.duplicates(64)
    codes = np.stack([collection._storage.record(slot)[0] for slot in range(12)])
    assert group.widest == hamming_distance(codes[:, None], codes).max()
