"""The collection on disk: a catalog in SQLite beside files of fixed-width records."""

from hashlens.collection.store.catalog import Catalog, is_catalog
from hashlens.collection.store.lock import WriterLock
from hashlens.collection.store.rows import CatalogState, FileRow, RootRow, Segment
from hashlens.collection.store.storage import Change, Snapshot, Storage
from hashlens.collection.store.verification import damage_of

__all__ = [
    "Catalog",
    "CatalogState",
    "Change",
    "FileRow",
    "RootRow",
    "Segment",
    "Snapshot",
    "Storage",
    "WriterLock",
    "damage_of",
    "is_catalog",
]
