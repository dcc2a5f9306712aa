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
    (
        # Several files may share the slot of their image, which is their content.
        """CREATE TABLE files (
            path BLOB PRIMARY KEY,
            slot INTEGER,
            content BLOB,
            size INTEGER,
            mtime_ns INTEGER,
            device INTEGER,
            inode INTEGER,
            label BLOB,
            missing_since INTEGER,
            reason TEXT,
            reader TEXT
        )""",
        # Copies had a slot each: the first is kept, and the others become dead.
        """INSERT INTO files (path, slot, content, size, mtime_ns, label, reason)
            SELECT path,
                coalesce((SELECT min(slot) FROM images AS same
                    WHERE same.content = images.content AND same.slot IS NOT NULL
                        AND images.slot IS NOT NULL), slot),
                content, size, mtime_ns, label, reason
            FROM images ORDER BY path""",
        "CREATE INDEX files_slot ON files (slot) WHERE slot IS NOT NULL",
        "CREATE INDEX files_content ON files (content) WHERE slot IS NOT NULL",
        "CREATE INDEX files_label ON files (label) WHERE label IS NOT NULL",
        "CREATE INDEX files_missing ON files (missing_since) WHERE missing_since IS NOT NULL",
        "CREATE INDEX files_reason ON files (path) WHERE reason IS NOT NULL",
        """INSERT OR IGNORE INTO dead SELECT slot FROM images
            WHERE slot IS NOT NULL AND NOT EXISTS
                (SELECT 1 FROM files WHERE files.slot = images.slot)""",
        "DROP TABLE images",
        # Slots of images none of whose files was seen.
        "CREATE TABLE hidden (slot INTEGER PRIMARY KEY)",
        # Patterns of what is left out below a root, one a line.
        "ALTER TABLE roots ADD COLUMN patterns BLOB",
    ),
)
"""Statements of each step; after step i the catalog has version i + 1. Steps that were released
are never changed: new ones are appended."""

VIEWS_OF_FORMER: dict[int, tuple[str, ...]] = {
    1: (
        """CREATE TEMP VIEW files AS SELECT path, slot, content, size, mtime_ns,
            NULL AS device, NULL AS inode, label, NULL AS missing_since, reason, NULL AS reader
            FROM main.images""",
        "CREATE TEMP VIEW hidden AS SELECT 0 AS slot WHERE 0",
        "CREATE TEMP VIEW roots AS SELECT path, kind, NULL AS patterns FROM main.roots",
    )
}
"""Statements by which a reader, who can't migrate, sees a catalog of an older version as if it had
this one. They write nothing: the views belong to the connection."""


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
        raise FormatError(f"{database.path} is not the catalog of a hashlens collection.")
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
