"""The catalog's roots: what was asked for, and what is left out."""

from __future__ import annotations

import os
from typing import Literal

from hashlens.collection.store.database import Database
from hashlens.collection.store.file_table import at
from hashlens.collection.store.rows import RootRow

RootKind = Literal["root", "excluded"]


class RootTable:
    """The roots and exclusions of one catalog.

    Parameters
    ----------
    database : Database
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[RootRow]:
        """Return the paths that are kept up to date, in order, with their patterns."""
        rows = self._database.all("SELECT path, patterns FROM roots WHERE kind = 'root'")
        return sorted(
            RootRow(os.fsdecode(path), tuple(os.fsdecode(patterns or b"").splitlines()))
            for path, patterns in rows
        )

    def excluded(self) -> list[str]:
        """Return the paths that were removed below a root, in order."""
        rows = self._database.all("SELECT path FROM roots WHERE kind = 'excluded' ORDER BY path")
        return [os.fsdecode(path) for (path,) in rows]

    def kind_above(self, path: str) -> RootKind | None:
        """Return whether the deepest entry above a path, and not at it, is a root."""
        while path != (parent := os.path.dirname(path)):
            path = parent
            rows = self._database.all("SELECT kind FROM roots WHERE path = ?", (os.fsencode(path),))
            if rows:
                kind: RootKind = rows[0][0]
                return kind
        return None

    def add(self, path: str, patterns: tuple[str, ...] | None = None) -> None:
        """Remember a root; without ``patterns``, those that it had stay."""
        text = None if patterns is None else os.fsencode("\n".join(patterns))
        self._database.run(
            "INSERT INTO roots (path, kind, patterns) VALUES (?, 'root', ?) ON CONFLICT (path)"
            " DO UPDATE SET kind = 'root', patterns = coalesce(excluded.patterns, patterns)",
            (os.fsencode(path), text),
        )

    def exclude(self, path: str) -> None:
        """Remember that a path is left out."""
        self._database.run(
            "INSERT OR REPLACE INTO roots (path, kind) VALUES (?, 'excluded')",
            (os.fsencode(path),),
        )

    def remove(self, path: str) -> int:
        """Forget the roots and exclusions at or below a path; return how many there were."""
        where = "path = ? OR (path >= ? AND path < ?)"
        return self._database.run(f"DELETE FROM roots WHERE {where}", at(path))

    def move(self, old: str, new: str) -> int:
        """Rewrite the roots and exclusions at or below a path; return how many there were."""
        before, after = os.fsencode(old).rstrip(b"/"), os.fsencode(new).rstrip(b"/")
        rows = self._database.all(
            "SELECT path, kind, patterns FROM roots WHERE path = ? OR (path >= ? AND path < ?)",
            at(old),
        )
        self.remove(old)
        for path, kind, patterns in rows:
            self._database.run(
                "INSERT OR REPLACE INTO roots (path, kind, patterns) VALUES (?, ?, ?)",
                (after + path[len(before) :] or b"/", kind, patterns),
            )
        return len(rows)
