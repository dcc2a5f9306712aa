"""The catalog's tables, and the steps that lead from each older version to the next."""

from __future__ import annotations

from hashlens.collection.store.database import Database
from hashlens.errors import FormatError

APPLICATION_ID = 0x484C4E53
"""Marks a SQLite file as a hashlens catalog: "HLNS"."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        # Paths and labels are bytes: names of files and folders need not be valid UTF-8.
        """CREATE TABLE images (
            path BLOB PRIMARY KEY,
            state TEXT NOT NULL CHECK (state IN ('indexed', 'failed')),
            slot INTEGER UNIQUE CHECK ((slot IS NOT NULL) = (state = 'indexed')),
            size INTEGER,
            mtime_ns INTEGER,
            content BLOB,
            label BLOB,
            reason TEXT
        )""",
        "CREATE INDEX images_content ON images (content) WHERE slot IS NOT NULL",
        # Slots whose image was removed or replaced, until compaction drops them.
        "CREATE TABLE dead (slot INTEGER PRIMARY KEY)",
        # What was asked for: paths to keep up to date, and parts of them to leave out.
        """CREATE TABLE roots (
            path BLOB PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('root', 'excluded'))
        )""",
        # Checksums of the records that each commit wrote.
        """CREATE TABLE segments (
            start INTEGER PRIMARY KEY,
            count INTEGER NOT NULL,
            codes_crc INTEGER NOT NULL,
            descriptors_crc INTEGER
        )""",
    ),
)
"""Statements of each step; after step i the catalog has version i + 1. Steps that were released
are never changed: new ones are appended."""


def version_of(database: Database) -> int:
    """Return the catalog's version; 0 before the first step."""
    return int(database.value("PRAGMA user_version"))


def check_version(database: Database) -> int:
    """Return the version of a finished catalog.

    Raises
    ------
    FormatError
        If the file is another application's, unfinished, or of a newer version.
    """
    version = version_of(database)
    if version == 0 or database.value("PRAGMA application_id") != APPLICATION_ID:
        raise FormatError(f"{database.path} is no catalog of a hashlens collection.")
    if version > len(MIGRATIONS):
        raise FormatError(
            f"{database.path} has the format version {version}; this hashlens reads up to "
            f"{len(MIGRATIONS)}. Upgrade it: pip install --upgrade hashlens"
        )
    return version


def migrate(database: Database) -> None:
    """Apply the steps that are missing, inside the transaction of the caller."""
    done = version_of(database)
    for number, statements in enumerate(MIGRATIONS[done:], done + 1):
        for statement in statements:
            database.run(statement)
        database.run(f"PRAGMA user_version = {number}")
    database.run(f"PRAGMA application_id = {APPLICATION_ID}")
