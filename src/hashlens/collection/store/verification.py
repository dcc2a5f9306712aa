"""Checking that a collection on disk is whole."""

from __future__ import annotations

import numpy as np

from hashlens.collection.store.catalog import Catalog
from hashlens.collection.store.commits import checksum
from hashlens.collection.store.rows import Segment
from hashlens.collection.store.storage import Snapshot, Storage


def damage_of(storage: Storage) -> list[str]:
    """Return what is wrong with a collection's files, a sentence each; empty if they are whole.

    Every committed byte is read: SQLite checks the catalog's pages, checksums the records, and
    each slot must belong to one image or be dead.
    """
    with storage.snapshot() as snapshot:
        catalog = storage.catalog
        found = [f"{catalog.path}: {problem}" for problem in catalog.damage()]
        found += _wrong_slots(catalog, snapshot)
        return found + _wrong_records(catalog.segments(), snapshot)


def _wrong_slots(catalog: Catalog, snapshot: Snapshot) -> list[str]:
    slots = np.sort(np.concatenate([catalog.files.used(), snapshot.dead]))
    found = []
    if not np.array_equal(slots, np.arange(snapshot.state.slots)):
        found.append(
            f"{catalog.path}: expected each of {snapshot.state.slots:,} slots to belong to one "
            f"image or to be dead; {len(slots):,} are accounted for."
        )
    if not np.array_equal(snapshot.hidden, catalog.files.unseen()):
        found.append(f"{catalog.path}: the list of missing images is not that of the files.")
    return found


def _wrong_records(segments: list[Segment], snapshot: Snapshot) -> list[str]:
    found = []
    covered = 0
    for segment in segments:
        part = slice(segment.start, segment.start + segment.count)
        images = f"of the records {part.start:,} to {part.stop - 1:,}"
        covered += segment.count
        if checksum(snapshot.codes[part]) != segment.codes_crc:
            found.append(f"The codes {images} do not match their checksum.")
        descriptors = snapshot.descriptors
        if descriptors is not None and checksum(descriptors[part]) != segment.descriptors_crc:
            found.append(f"The descriptors {images} do not match their checksum.")
    if covered != snapshot.state.slots:
        found.append(f"{covered:,} of {snapshot.state.slots:,} records have a checksum.")
    return found
