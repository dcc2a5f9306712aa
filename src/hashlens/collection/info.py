"""What a collection is and holds, told from its catalog and the sizes of its files."""

from __future__ import annotations

import os

from hashlens.codes import bytes_per_code
from hashlens.collection.missing import all_missing
from hashlens.collection.results import CollectionInfo
from hashlens.collection.saved_index import FILE_NAME, examine
from hashlens.collection.store import Storage


def collection_info(storage: Storage) -> CollectionInfo:
    """Return all that is told of a collection, as of one commit."""
    catalog = storage.catalog
    with catalog.snapshot():
        state = catalog.state()
        found, failed = catalog.found_count(), catalog.files.failed_count()
        missing = all_missing(catalog)
        roots, excluded = catalog.roots.all(), catalog.roots.excluded()
        saved_index = examine(storage.folder / FILE_NAME, catalog).state
    files = (entry for entry in os.scandir(storage.folder) if entry.is_file())
    return CollectionInfo(
        folder=storage.folder,
        images=found,
        missing=sum(below.images for below in missing),
        missing_below=missing,
        failed=failed,
        bits=state.bits,
        model=state.digest,
        descriptor_dim=state.descriptor_dim,
        roots=[root.path for root in roots],
        excluded=excluded,
        patterns={root.path: list(root.patterns) for root in roots if root.patterns},
        disk_bytes=sum(entry.stat().st_size for entry in files),
        bytes_per_image=bytes_per_code(state.bits),
        saved_index=saved_index,
    )
