"""What a collection is and holds, told from its catalog and the sizes of its files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from hashlens.codes import bytes_per_code
from hashlens.collection.missing import all_missing
from hashlens.collection.results import CollectionInfo
from hashlens.collection.saved_index import FILE_NAME, examine
from hashlens.collection.store import Storage
from hashlens.errors import CollectionError


def collection_info(storage: Storage) -> CollectionInfo:
    """Return all that is told of a collection, as of one commit."""
    catalog = storage.catalog
    with catalog.snapshot():
        state = catalog.state()
        found, failed = catalog.found_count(), catalog.files.failed_count()
        missing = all_missing(catalog)
        roots, excluded = catalog.roots.all(), catalog.roots.excluded()
        saved_index = examine(storage.folder / FILE_NAME, catalog).state
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
        disk_bytes=_disk_bytes(storage.folder),
        bytes_per_image=bytes_per_code(state.bits),
        saved_index=saved_index,
    )


def _disk_bytes(folder: Path) -> int:
    """Return the size of the files in a folder; those that a writer removes meanwhile are left out.

    Raises
    ------
    CollectionError
        If the folder is not there any more.
    """
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise CollectionError(
            f"The folder {folder} of the collection can't be read any more: "
            f"{error.strerror or error}. If it was moved, open the collection where it is now."
        ) from error
    total = 0
    for entry in entries:
        with suppress(OSError):
            total += entry.stat().st_size if entry.is_file() else 0
    return total
