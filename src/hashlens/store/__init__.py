"""The collection on disk: a catalogue in SQLite beside files of fixed-width records."""

from hashlens.store.catalog import Catalog, is_catalog
from hashlens.store.files import describe_failure, disk_errors
from hashlens.store.lock import WriterLock
from hashlens.store.recordfile import RecordFile, RecordLayout, Records
from hashlens.store.rows import CatalogState, ImageRow, Segment
from hashlens.store.storage import Change, Snapshot, Storage
from hashlens.store.verification import damage_of

__all__ = [
    "Catalog",
    "CatalogState",
    "Change",
    "ImageRow",
    "RecordFile",
    "RecordLayout",
    "Records",
    "Segment",
    "Snapshot",
    "Storage",
    "WriterLock",
    "damage_of",
    "describe_failure",
    "disk_errors",
    "is_catalog",
]
