"""The catalog's files: what is known about each path, and which images can be found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hashlens.arrays import Ids
from hashlens.collection.store.database import Database
from hashlens.collection.store.rows import FileRow
from hashlens.errors import CollectionError

_LOOKUP = 500  # SQLite limits how many values a statement may take.
_COLUMNS = (
    "path, size, mtime_ns, content, slot, label, reason, device, inode, missing_since, reader"
)
_BELOW = "(path = ? OR (path >= ? AND path < ?))"


class FileTable:
    """The files of one catalog. An image is its content: all its files have its slot.

    A slot is *dead* if no file has it any more, and *hidden* if none of its files was seen. Methods
    that change files belong inside a transaction that ends with `settle`.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._touched: set[int] = set()

    def get(self, path: str) -> FileRow | None:
        """Return what is known about a path, which is absolute."""
        rows = self._rows("WHERE path = ?", (os.fsencode(path),))
        return rows[0] if rows else None

    def all(self, below: str | None = None) -> list[FileRow]:
        """Return all files, or those at or below a path, in the order of their paths' bytes."""
        if below is None:
            return self._rows("ORDER BY path")
        return self._rows(f"WHERE {_BELOW} ORDER BY path", at(below))

    def paths(self) -> list[str]:
        """Return all paths, in the order of their bytes."""
        rows = self._database.all("SELECT path FROM files ORDER BY path")
        return [os.fsdecode(path) for (path,) in rows]

    def failed(self) -> list[FileRow]:
        """Return the files that lead to no image for a reason, in the order of their paths."""
        return self._rows("WHERE reason IS NOT NULL ORDER BY path")

    def missing(self) -> list[FileRow]:
        """Return the files that were not seen when they were last looked for, in order."""
        return self._rows("WHERE missing_since IS NOT NULL ORDER BY path")

    def by_path(self, paths: Sequence[str]) -> dict[str, FileRow]:
        """Return what is known about paths, by path."""
        rows = self._where("path", [os.fsencode(path) for path in paths])
        return {row.path: row for row in rows}

    def by_slot(self, slots: Sequence[int]) -> dict[int, FileRow]:
        """Return the first file of each image that can be found, by slot."""
        return {slot: rows[0] for slot, rows in self.names_of(slots).items()}

    def names_of(self, slots: Sequence[int]) -> dict[int, list[FileRow]]:
        """Return the files of images that were seen, by slot, in the order of their paths."""
        found: dict[int, list[FileRow]] = {}
        for row in self._where("slot", slots, "AND missing_since IS NULL ORDER BY path"):
            if row.slot is not None:
                found.setdefault(row.slot, []).append(row)
        return found

    def slot_of(self, content: bytes) -> int | None:
        """Return the slot of the image with this content (SHA-256), if there is one."""
        slot: int | None = self._database.value(
            "SELECT MIN(slot) FROM files WHERE content = ? AND slot IS NOT NULL", (content,)
        )
        return slot

    def slots_where(self, under: Sequence[str] | None, labels: Sequence[str] | None) -> Ids:
        """Return the slots of images with a file below one of some paths, with one of some labels.

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
        clauses, values = ["slot IS NOT NULL", "missing_since IS NULL"], list[bytes]()
        if under is not None:
            clauses.append(f"({' OR '.join([_BELOW] * len(under)) or '0'})")
            values += [value for path in under for value in at(path)]
        if labels is not None:
            clauses.append(f"label IN ({','.join('?' * len(labels))})")
            values += [os.fsencode(label) for label in labels]
        return self._slots(f"SELECT DISTINCT slot FROM files WHERE {' AND '.join(clauses)}", values)

    def dead(self) -> Ids:
        """Return the slots that no file has, ascending."""
        return self._slots("SELECT slot FROM dead")

    def hidden(self) -> Ids:
        """Return the slots of images none of whose files was seen, ascending."""
        return self._slots("SELECT slot FROM hidden")

    def used(self) -> Ids:
        """Return the slots that files have, ascending."""
        return self._slots("SELECT DISTINCT slot FROM files WHERE slot IS NOT NULL")

    def shared_slots(self) -> Ids:
        """Return the slots that several files have, ascending."""
        return self._slots(
            "SELECT slot FROM files WHERE slot IS NOT NULL GROUP BY slot HAVING COUNT(*) > 1"
        )

    def unseen(self) -> Ids:
        """Return what `hidden` must be, by a look at all files."""
        return self._slots(
            "SELECT slot FROM files WHERE slot IS NOT NULL GROUP BY slot"
            " HAVING COUNT(*) = COUNT(missing_since)"
        )

    def absent_count(self) -> int:
        """Return how many slots are dead or hidden."""
        count: int = self._database.value(
            "SELECT (SELECT COUNT(*) FROM dead) + (SELECT COUNT(*) FROM hidden)"
        )
        return count

    def failed_count(self) -> int:
        """Return how many files lead to no image for a reason."""
        count: int = self._database.value("SELECT COUNT(*) FROM files WHERE reason IS NOT NULL")
        return count

    def put(self, row: FileRow) -> None:
        """Insert a file, or replace what is known about its path."""
        path = os.fsencode(row.path)
        self._touch("path = ?", (path,))
        if row.slot is not None:
            self._touched.add(row.slot)
        # A label may be a folder's name, whose bytes need not be valid UTF-8; nor need an error's.
        label = None if row.label is None else os.fsencode(row.label)
        reason = None if row.reason is None else row.reason.encode(errors="replace").decode()
        values = row._replace(label=None, reason=reason)
        self._database.run(
            f"INSERT OR REPLACE INTO files ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (path, *values[1:5], label, *values[6:]),
        )

    def mark_missing(self, row: FileRow, since: int, reason: str | None) -> None:
        """Let an image that a file leads to no longer be found there; its code is kept."""
        if row.slot is not None:
            self._touched.add(row.slot)
        self._database.run(
            "UPDATE files SET missing_since = coalesce(missing_since, ?), reason = ?"
            " WHERE path = ?",
            (since, reason, os.fsencode(row.path)),
        )

    def remove(self, path: str, below: bool = False) -> int:
        """Forget a file, with ``below`` all under that path too; return how many there were."""
        where = _BELOW if below else "path = ?"
        values = at(path) if below else (os.fsencode(path),)
        self._touch(where, values)
        return self._database.run(f"DELETE FROM files WHERE {where}", values)

    def move(self, old: str, new: str) -> int:
        """Rewrite a path and all below it; return how many files there were.

        Where a file of the same content is known at the new path already, that is kept.

        Raises
        ------
        CollectionError
            If a file of another content is known there.
        """
        before, after = os.fsencode(old).rstrip(b"/"), os.fsencode(new).rstrip(b"/")
        self._touch(_BELOW, at(old))
        # By way of paths that begin with a zero byte, for the old and the new ones may overlap.
        moved = self._database.run(
            f"UPDATE files SET path = CAST(x'00' || ? || substr(path, ?) AS BLOB) WHERE {_BELOW}",
            (after, len(before) + 1, *at(old)),
        )
        self._check_collisions(new)
        self._database.run("UPDATE OR IGNORE files SET path = substr(path, 2) WHERE path < x'01'")
        self._database.run("DELETE FROM files WHERE path < x'01'")
        return moved

    def renumber(self, kept: Ids) -> None:
        """Give the image in slot ``kept[i]`` the slot ``i``; none is dead then.

        ``kept`` ascends.
        """
        hidden = np.searchsorted(kept, self.hidden())
        # Ascending, no slot is taken when it is given: it is at most the image's own old one.
        self._database.run_many(
            "UPDATE files SET slot = ? WHERE slot = ?",
            ((new, int(slot)) for new, slot in enumerate(kept) if new != slot),
        )
        self._database.run("DELETE FROM dead")
        self._database.run("DELETE FROM hidden")
        self._database.run_many("INSERT INTO hidden VALUES (?)", ((int(slot),) for slot in hidden))

    def settle(self) -> None:
        """Bring up to date which slots are dead or hidden, after files have changed."""
        slots = [(slot,) for slot in sorted(self._touched)]
        self._touched.clear()
        for statement in (
            "DELETE FROM hidden WHERE slot = ?",
            "DELETE FROM dead WHERE slot = ?",
            "INSERT INTO hidden SELECT slot FROM files WHERE slot = ? GROUP BY slot"
            " HAVING COUNT(*) = COUNT(missing_since)",
            "INSERT INTO dead SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM files WHERE slot = ?1)",
        ):
            self._database.run_many(statement, slots)

    def forget_touched(self) -> None:
        """Drop what a transaction that failed has touched."""
        self._touched.clear()

    def _check_collisions(self, new: str) -> None:
        others = self._database.all(
            "SELECT known.path FROM files AS moved JOIN files AS known"
            " ON known.path = substr(moved.path, 2) WHERE moved.path < x'01'"
            " AND moved.slot IS NOT NULL AND moved.slot IS NOT known.slot LIMIT 1"
        )
        if others:
            raise CollectionError(
                f"The collection knows another image at {os.fsdecode(others[0][0])}. To go on, "
                f"take what it knows there out first: hashlens remove {new}"
            )

    def _touch(self, where: str, values: Sequence[object]) -> None:
        rows = self._database.all(
            f"SELECT slot FROM files WHERE {where} AND slot IS NOT NULL", values
        )
        self._touched.update(slot for (slot,) in rows)

    def _slots(self, query: str, values: Sequence[object] = ()) -> Ids:
        found = [slot for (slot,) in self._database.all(query, values)]
        return np.sort(np.array(found, dtype=np.int64))

    def _rows(self, clauses: str, values: Sequence[object] = ()) -> list[FileRow]:
        rows = self._database.all(f"SELECT {_COLUMNS} FROM files {clauses}", values)
        return [_file_row(row) for row in rows]

    def _where(self, column: str, values: Sequence[object], more: str = "") -> Iterator[FileRow]:
        """Yield the files whose column has one of the values."""
        for start in range(0, len(values), _LOOKUP):
            part = values[start : start + _LOOKUP]
            yield from self._rows(f"WHERE {column} IN ({','.join('?' * len(part))}) {more}", part)


def _file_row(values: tuple[Any, ...]) -> FileRow:
    row = FileRow(*values)
    label = None if row.label is None else os.fsdecode(row.label)
    return row._replace(path=os.fsdecode(row.path), label=label)


def at(path: str) -> tuple[bytes, bytes, bytes]:
    """Return the values that select a path and all below it: b"/" sorts just before b"0"."""
    name = os.fsencode(path)
    folder = name.rstrip(b"/")
    return name, folder + b"/", folder + b"0"
