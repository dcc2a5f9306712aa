"""A connection to SQLite whose errors are hashlens errors, and whose transactions are blocks."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from hashlens.errors import (
    CollectionChangedError,
    CollectionError,
    CollectionLockedError,
    FormatError,
)
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
        self._connection, self._frozen = _connect(path, write)

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
            self._follow()
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
                self._follow()
                self._connection.execute(begin)
            try:
                yield
                with self._translated(action):
                    self._connection.execute("COMMIT")
                    self._check_unchanged()
            except BaseException:
                # SQLite has rolled back by itself after some errors, such as a full disk.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                self._check_unchanged()
                raise

    def _follow(self) -> None:
        """Connect again if the file was opened as one that nobody writes, and somebody has."""
        if self._frozen is None or self._connection.in_transaction:
            return
        if self._frozen != _state_of_files(self.path):
            self._connection.close()
            self._connection, self._frozen = _connect(self.path, write=False)

    def _check_unchanged(self) -> None:
        """Discard what was read of a file that was written meanwhile, without a shared log."""
        if self._frozen is not None and self._frozen != _state_of_files(self.path):
            raise CollectionChangedError(
                f"{self.path} was written while it was read. Repeat what was asked."
            )

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


def _connect(path: Path, write: bool) -> tuple[sqlite3.Connection, _Files | None]:
    """Connect to a file that exists; return also the state of files that are read as they are.

    Readers connect for writing too, for they share an index of the write-ahead log. If it can't be
    made, on read-only media, without permission or on a full disk, and there is no log, the file is
    read as it is: the state is returned by which later writes are noticed.
    """
    if not path.is_file():
        raise CollectionError(f"{path} is missing, so {path.parent} is not a collection.")
    try:
        connection = _connect_as(path, "mode=rw")
        try:
            connection.execute("PRAGMA user_version")
        except sqlite3.Error:
            connection.close()
            raise
        return connection, None
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        state = _state_of_files(path)
        if not write and code in _NO_SHARED_INDEX and not state.log:
            return _connect_as(path, "mode=ro&immutable=1"), state
        raise _translate(error, f"Opening {path}") from error


def _connect_as(path: Path, options: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path.absolute()))}?{options}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


class _Files(NamedTuple):
    """What tells whether a catalog was written: its file, and the size of its log."""

    inode: int
    size: int
    mtime_ns: int
    log: int


def _state_of_files(path: Path) -> _Files:
    try:
        log = path.with_name(f"{path.name}-wal").stat().st_size
    except FileNotFoundError:
        log = 0
    try:
        status = path.stat()
    except FileNotFoundError:
        return _Files(0, 0, 0, log)
    return _Files(status.st_ino, status.st_size, status.st_mtime_ns, log)


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
