"""A connection to SQLite whose errors are hashlens errors, and whose transactions are blocks."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hashlens.errors import CollectionError, CollectionLockedError, FormatError
from hashlens.files.regular import check_regular

_BUSY_SECONDS = 30.0
_NO_SHARED_INDEX = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
)

Values = Sequence[object]


class Database:
    """One SQLite file that exists, open for one user; safe to use from several threads.

    Parameters
    ----------
    path : Path
    write : bool
        Whether statements may change it.

    Raises
    ------
    CollectionError
        If there is no such file or it can't be opened.
    """

    def __init__(self, path: Path, write: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._is_closed = False
        for suffix in ("", "-wal", "-shm", "-journal"):
            check_regular(path.with_name(path.name + suffix))
        self._connection = _connect(path, write)

    def close(self) -> None:
        """Close the connection once statements and blocks of other threads have ended.

        The last connection folds the write-ahead log into the file.
        """
        with self._lock:
            self._is_closed = True
            self._connection.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep the statements and blocks of other threads waiting meanwhile."""
        with self._lock:
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all reads inside see the same instant, whatever a writer does meanwhile."""
        with self._block("BEGIN", "Reading"):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all changes inside durable together, or none of them."""
        with self._block("BEGIN IMMEDIATE", "Writing"):
            yield

    def all(self, statement: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._lock, self._translated("Reading"):
            return self._connection.execute(statement, values).fetchall()

    def value(self, statement: str, values: Values = ()) -> Any:
        """Return the first value of the first row of a query."""
        return self.all(statement, values)[0][0]

    def run(self, statement: str, values: Values = ()) -> int:
        """Run a statement that changes something; return how many rows it changed."""
        with self._lock, self._translated("Writing"):
            return self._connection.execute(statement, values).rowcount

    def run_many(self, statement: str, values: Iterable[Values]) -> None:
        """Run a statement once for each row of values."""
        with self._lock, self._translated("Writing"):
            self._connection.executemany(statement, values)

    @contextmanager
    def _block(self, begin: str, action: str) -> Iterator[None]:
        with self._lock:
            with self._translated(action):
                self._connection.execute(begin)
            try:
                yield
                with self._translated(action):
                    self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, such as a full disk.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        if self._is_closed:
            raise CollectionError(
                f"The collection {self.path.parent} is closed. Open it again with Collection.open."
            )
        try:
            yield
        except sqlite3.Error as error:
            raise _translate(error, f"{action} {self.path}") from error


def _connect(path: Path, write: bool) -> sqlite3.Connection:
    """Connect to a file that exists.

    Readers connect for writing too, for they share an index of the write-ahead log. Where it can't
    be made, on read-only media or a full disk, and there is no log, the file is read as it is.
    """
    if not path.is_file():
        raise CollectionError(f"{path} is missing, so {path.parent} is no collection.")
    try:
        connection = _connect_as(path, "mode=rw")
        try:
            connection.execute("PRAGMA user_version")
        except sqlite3.Error:
            connection.close()
            raise
        return connection
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if not write and code in _NO_SHARED_INDEX and not _has_log(path):
            return _connect_as(path, "mode=ro&immutable=1")
        raise _translate(error, f"Opening {path}") from error


def _connect_as(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{options}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _has_log(path: Path) -> bool:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _translate(error: sqlite3.Error, action: str) -> CollectionError | FormatError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return CollectionError(
            f"{action} failed: the disk is full. All that was committed before is kept. Free some "
            "space, then run the same command again."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return CollectionLockedError(f"{action} failed: another process holds it ({error}).")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return FormatError(
            f"{action} failed: the file is damaged ({error}). Restore it, or delete the collection "
            "and index the images again."
        )
    return CollectionError(f"{action} failed: {error}. All that was committed before is kept.")
