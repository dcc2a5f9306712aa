"""The catalog: which files a collection knows, and which images they are (SQLite)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Self

from hashlens.collection.store.database import Database
from hashlens.collection.store.file_table import FileTable
from hashlens.collection.store.root_table import RootTable
from hashlens.collection.store.rows import CatalogState, Segment
from hashlens.collection.store.schema import (
    MIGRATIONS,
    VIEWS_OF_FORMER,
    check_version,
    migrate,
    version_of,
)
from hashlens.errors import CollectionError, FormatError
from hashlens.files.atomic import sync_folder
from hashlens.files.disk_errors import disk_errors

FILE_NAME = "catalog.sqlite"


class Catalog:
    """The catalog of one collection; safe to use from several threads.

    What belongs together is done inside `snapshot` (reads see one instant) or `transaction`
    (all of it or nothing, on the disk when it ends).

    Parameters
    ----------
    folder : Path
        The collection's directory.
    write : bool
        Whether it may change; older versions are migrated then.

    Attributes
    ----------
    files : FileTable
    roots : RootTable
    is_former : bool
        Whether it has an older version, which is read as it is.

    Raises
    ------
    FormatError
        If the catalog is damaged, foreign or of a newer version.
    """

    def __init__(self, folder: Path, write: bool = False) -> None:
        self.path = folder / FILE_NAME
        self._database = Database(self.path, write)
        self.files = FileTable(self._database)
        self.roots = RootTable(self._database)
        self.is_former = False
        try:
            self._prepare(check_version(self._database), write)
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, folder: Path, state: CatalogState) -> Self:
        """Write the catalog of an empty collection: complete, or as if it had not begun."""
        path = folder / FILE_NAME
        with disk_errors(f"Creating {path}"):
            path.touch()
            sync_folder(folder)
        database = Database(path, write=True)
        try:
            database.run("PRAGMA journal_mode = WAL")
            with database.transaction():
                migrate(database)
                _write_state(database, state)
        finally:
            database.close()
        return cls(folder, write=True)

    def close(self) -> None:
        """Close the catalog."""
        self._database.close()

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other threads' reads and changes waiting meanwhile."""
        return self._database.exclusive()

    def snapshot(self) -> AbstractContextManager[None]:
        """Let all reads inside see the same instant, whatever a writer does meanwhile."""
        return self._database.snapshot()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside durable together, or none of them."""
        with self._database.transaction():
            self.files.forget_touched()
            yield
            self.files.settle()

    def state(self) -> CatalogState:
        """Return what holds for the whole collection."""
        values = dict(self._database.all("SELECT key, value FROM meta"))
        try:
            return CatalogState(**{name: values[name] for name in CatalogState.__slots__})
        except KeyError as error:
            raise FormatError(f"{self.path} is damaged: its entry {error} is missing.") from None

    def set_state(self, state: CatalogState) -> None:
        """Replace what holds for the whole collection."""
        _write_state(self._database, state)

    def found_count(self) -> int:
        """Return how many images can be found, without a look at each."""
        return self.state().slots - self.files.absent_count()

    def put_segment(self, segment: Segment) -> None:
        """Remember the checksums of records that are being committed."""
        self._database.run("INSERT INTO segments VALUES (?, ?, ?, ?)", astuple(segment))

    def clear_segments(self) -> None:
        """Forget the checksums of all records, which are about to be replaced."""
        self._database.run("DELETE FROM segments")

    def segments(self) -> list[Segment]:
        """Return the checksums of all records, in the order of their slots."""
        rows = self._database.all(
            "SELECT start, count, codes_crc, descriptors_crc FROM segments ORDER BY start"
        )
        return [Segment(*row) for row in rows]

    def damage(self) -> list[str]:
        """Return what SQLite's own check finds wrong; empty if all is well."""
        return [text for (text,) in self._database.all("PRAGMA integrity_check") if text != "ok"]

    def _prepare(self, version: int, write: bool) -> None:
        if version < len(MIGRATIONS) and write:
            with self.transaction():
                migrate(self._database)
        elif version < len(MIGRATIONS):
            self._look_through(version)
        if write:
            # FULL: a commit has reached the disk when it returns, also through a power cut.
            self._database.run("PRAGMA synchronous = FULL")
            self._database.run("PRAGMA fullfsync = ON")  # Matters on macOS only.
        else:
            self._database.run("PRAGMA query_only = ON")

    def _look_through(self, version: int) -> None:
        """Let a reader see a catalog of an older version as if it had this one."""
        if version not in VIEWS_OF_FORMER:
            raise CollectionError(
                f"{self.path} has the older format version {version}. Any command that writes "
                "brings it up to date, for instance: hashlens update"
            )
        self._database.run("PRAGMA temp_store = MEMORY")
        for statement in VIEWS_OF_FORMER[version]:
            self._database.run(statement)
        self.is_former = True


def is_catalog(folder: Path) -> bool:
    """Return whether a folder holds a catalog whose creation was completed."""
    path = folder / FILE_NAME
    if not path.is_file():
        return False
    try:
        with closing(Database(path)) as database:
            return version_of(database) > 0
    except FormatError:
        return True  # Damaged or foreign, but not ours to overwrite.


def _write_state(database: Database, state: CatalogState) -> None:
    values = ((name, getattr(state, name)) for name in CatalogState.__slots__)
    database.run_many("INSERT OR REPLACE INTO meta VALUES (?, ?)", values)
