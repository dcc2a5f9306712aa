"""The catalog: which images a collection holds, and what it knows about each (SQLite)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import astuple
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from hashlens.collection.store.database import Database
from hashlens.collection.store.rows import CatalogState, ImageRow, Segment
from hashlens.collection.store.schema import MIGRATIONS, check_version, migrate, version_of
from hashlens.errors import CollectionError, FormatError
from hashlens.files.atomic import sync_folder
from hashlens.files.disk_errors import disk_errors

FILE_NAME = "catalog.sqlite"
_LOOKUP = 500  # SQLite limits how many values a statement may take.

RootKind = Literal["root", "excluded"]


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

    Raises
    ------
    FormatError
        If the catalog is damaged, foreign or of another version.
    """

    def __init__(self, folder: Path, write: bool = False) -> None:
        self.path = folder / FILE_NAME
        self._database = Database(self.path, write)
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

    def transaction(self) -> AbstractContextManager[None]:
        """Make all changes inside durable together, or none of them."""
        return self._database.transaction()

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

    def image(self, path: str) -> ImageRow | None:
        """Return what is known about a file, by its absolute path."""
        rows = self._images("WHERE path = ?", (os.fsencode(path),))
        return rows[0] if rows else None

    def images(self, below: str | None = None) -> list[ImageRow]:
        """Return all images, or those at or below a path, in the order of their paths' bytes."""
        if below is None:
            return self._images("ORDER BY path")
        return self._images("WHERE path = ? OR (path >= ? AND path < ?) ORDER BY path", _at(below))

    def paths(self) -> list[str]:
        """Return the paths of all images, indexed and failed, in the order of their bytes."""
        rows = self._database.all("SELECT path FROM images ORDER BY path")
        return [os.fsdecode(path) for (path,) in rows]

    def by_slot(self, slots: Sequence[int]) -> dict[int, ImageRow]:
        """Return the images of slots, by slot."""
        rows = self._where("slot", slots)
        return {row.slot: row for row in rows if row.slot is not None}

    def by_path(self, paths: Sequence[str]) -> dict[str, ImageRow]:
        """Return what is known about files, by path."""
        return {row.path: row for row in self._where("path", [os.fsencode(p) for p in paths])}

    def slot_of_content(self, content: bytes) -> int | None:
        """Return a slot whose image has this content (SHA-256), if there is one."""
        slot: int | None = self._database.value(
            "SELECT MIN(slot) FROM images WHERE content = ? AND slot IS NOT NULL", (content,)
        )
        return slot

    def indexed_count(self) -> int:
        """Return how many images can be found, without a look at each: slots that are not dead."""
        dead: int = self._database.value("SELECT COUNT(*) FROM dead")
        return self.state().slots - dead

    def failed_count(self) -> int:
        """Return how many files are remembered as unreadable."""
        count: int = self._database.value("SELECT COUNT(*) FROM images WHERE slot IS NULL")
        return count

    def slots_where(
        self, under: Sequence[str] | None, labels: Sequence[str] | None
    ) -> npt.NDArray[np.int64]:
        """Return the slots of images at or below one of some paths, with one of some labels.

        Parameters
        ----------
        under : sequence of str, optional
            Absolute paths; None for anywhere.
        labels : sequence of str, optional
            None for any label or none.

        Returns
        -------
        int64 array, ascending
        """
        clauses, values = ["slot IS NOT NULL"], list[bytes]()
        if under is not None:
            place = "path = ? OR (path >= ? AND path < ?)"
            clauses.append(f"({' OR '.join([place] * len(under)) or '0'})")
            values += [value for path in under for value in _at(path)]
        if labels is not None:
            clauses.append(f"label IN ({','.join('?' * len(labels))})")
            values += [os.fsencode(label) for label in labels]
        rows = self._database.all(f"SELECT slot FROM images WHERE {' AND '.join(clauses)}", values)
        return np.sort(np.array([slot for (slot,) in rows], dtype=np.int64))

    def dead_slots(self) -> npt.NDArray[np.int64]:
        """Return the slots that no image has, ascending."""
        rows = self._database.all("SELECT slot FROM dead ORDER BY slot")
        return np.array([slot for (slot,) in rows], dtype=np.int64)

    def live_slots(self) -> npt.NDArray[np.int64]:
        """Return the slots that images have, ascending."""
        rows = self._database.all("SELECT slot FROM images WHERE slot IS NOT NULL ORDER BY slot")
        return np.array([slot for (slot,) in rows], dtype=np.int64)

    def put(self, row: ImageRow) -> None:
        """Insert an image or replace what is known about it; a slot it loses becomes dead."""
        self._free("path = ?", (os.fsencode(row.path),), keep=row.slot)
        state = "failed" if row.slot is None else "indexed"
        # A label may be a folder's name, whose bytes need not be valid UTF-8; nor need an error's.
        label = None if row.label is None else os.fsencode(row.label)
        reason = None if row.reason is None else row.reason.encode(errors="replace").decode()
        self._database.run(
            "INSERT OR REPLACE INTO images"
            " (path, size, mtime_ns, content, slot, label, reason, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (os.fsencode(row.path), *row[1:5], label, reason, state),
        )

    def remove(self, path: str, below: bool = False) -> int:
        """Forget an image, with ``below`` all under that path too; return how many there were."""
        where = "(path = ? OR (path >= ? AND path < ?))" if below else "path = ?"
        values = _at(path) if below else (os.fsencode(path),)
        self._free(where, values, keep=None)
        return self._database.run(f"DELETE FROM images WHERE {where}", values)

    def renumber(self, old: npt.NDArray[np.int64]) -> None:
        """Give the image in slot ``old[i]`` the slot ``i``; ``old`` ascends. None is dead then."""
        # Ascending, no slot is taken when it is given: it is at most the image's own old one.
        self._database.run_many(
            "UPDATE images SET slot = ? WHERE slot = ?",
            ((new, int(slot)) for new, slot in enumerate(old)),
        )
        self._database.run("DELETE FROM dead")
        self._database.run("DELETE FROM segments")

    def roots(self, kind: RootKind) -> list[str]:
        """Return the paths that are kept up to date, or those left out, in order."""
        rows = self._database.all("SELECT path FROM roots WHERE kind = ? ORDER BY path", (kind,))
        return [os.fsdecode(path) for (path,) in rows]

    def put_roots(self, paths: Iterable[str], kind: RootKind) -> None:
        """Remember paths as roots or exclusions."""
        for path in paths:
            self._database.run(
                "INSERT OR REPLACE INTO roots VALUES (?, ?)", (os.fsencode(path), kind)
            )

    def remove_roots(self, path: str) -> int:
        """Forget the roots and exclusions at or below a path; return how many there were."""
        where = "path = ? OR (path >= ? AND path < ?)"
        return self._database.run(f"DELETE FROM roots WHERE {where}", _at(path))

    def put_segment(self, segment: Segment) -> None:
        """Remember the checksums of records that are being committed."""
        self._database.run("INSERT INTO segments VALUES (?, ?, ?, ?)", astuple(segment))

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
        if version < len(MIGRATIONS):
            if not write:
                raise CollectionError(
                    f"{self.path} has the older format version {version}. Any command that writes "
                    "brings it up to date, for instance: hashlens update"
                )
            with self.transaction():
                migrate(self._database)
        if write:
            # FULL: a commit has reached the disk when it returns, also through a power cut.
            self._database.run("PRAGMA synchronous = FULL")
            self._database.run("PRAGMA fullfsync = ON")  # Matters on macOS only.
        else:
            self._database.run("PRAGMA query_only = ON")

    def _images(self, clauses: str, values: Sequence[object] = ()) -> list[ImageRow]:
        rows = self._database.all(
            f"SELECT path, size, mtime_ns, content, slot, label, reason FROM images {clauses}",
            values,
        )
        return [
            ImageRow(
                os.fsdecode(path), size, mtime, content, slot, label and os.fsdecode(label), reason
            )
            for path, size, mtime, content, slot, label, reason in rows
        ]

    def _where(self, column: str, values: Sequence[object]) -> Iterator[ImageRow]:
        """Yield the images whose column has one of the values."""
        for start in range(0, len(values), _LOOKUP):
            part = values[start : start + _LOOKUP]
            yield from self._images(f"WHERE {column} IN ({','.join('?' * len(part))})", part)

    def _free(self, where: str, values: Sequence[object], keep: int | None) -> None:
        """Mark the slots of images that are about to be removed or replaced as dead."""
        self._database.run(
            f"INSERT INTO dead SELECT slot FROM images WHERE {where}"
            " AND slot IS NOT NULL AND slot IS NOT ?",
            (*values, keep),
        )


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


def _at(path: str) -> tuple[bytes, bytes, bytes]:
    """Return the values that select a path and all below it: b"/" sorts just before b"0"."""
    name = os.fsencode(path)
    folder = name.rstrip(b"/")
    return name, folder + b"/", folder + b"0"
