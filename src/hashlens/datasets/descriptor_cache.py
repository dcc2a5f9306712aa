"""Rows of numbers kept on disk by the content of their image, so that none is computed twice."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from hashlens.arrays import Rows, Vectors
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError
from hashlens.files.atomic import sync_file
from hashlens.files.disk_errors import write_all
from hashlens.progress import OnMessage, no_message

KEY_BYTES = 32
"""A key is the SHA-256 of an image file's bytes."""

_KEY_FILE = "keys.bin"
_POLL = 0.5
"""Seconds between looks at what another process has written."""


class RowCache:
    """Rows of numbers under keys, in two files that only grow.

    The folder holds a file of rows and ``keys.bin`` (32 bytes per row). A row is durable before
    its key is written, so every key has its row, whenever a writer is killed; a torn end is cut
    off by the next writer. Reading therefore needs no lock, also while another process writes.

    Parameters
    ----------
    folder : Path
        Folder of this cache alone; made by the first writer.
    file : str
        Name of the file of rows.
    dimension : int
        Numbers per row.
    dtype : numpy dtype

    Raises
    ------
    DataError
        If the cache can't be read, or is damaged.
    """

    def __init__(self, folder: Path, file: str, dimension: int, dtype: npt.DTypeLike) -> None:
        self.folder = Path(folder)
        self.dimension = dimension
        self.dtype = np.dtype(dtype)
        self._path = self.folder / file
        self._rows: dict[bytes, int] = {}
        self.refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    @property
    def row_bytes(self) -> int:
        """Size of a row in bytes."""
        return self.dimension * self.dtype.itemsize

    def refresh(self) -> None:
        """Pick up the rows that were written since the last look, by whatever process.

        Raises
        ------
        DataError
            If the cache can't be read, or repeats a key.
        """
        path, known = self.folder / _KEY_FILE, len(self._rows)
        try:
            with path.open("rb") as file:
                file.seek(known * KEY_BYTES)
                keys = file.read()
            rows = self._path.stat().st_size // self.row_bytes
        except FileNotFoundError:
            return
        except OSError as error:
            raise DataError(f"The cache {self.folder} can't be read: {error.strerror}.") from error
        count = min(known + len(keys) // KEY_BYTES, rows)
        for row in range(known, count):
            start = (row - known) * KEY_BYTES
            self._rows[keys[start : start + KEY_BYTES]] = row
        if len(self._rows) < count:
            raise DataError(f"{path} is damaged: it repeats a key. Delete {self.folder}.")

    def rows(self, keys: Sequence[bytes]) -> Rows:
        """Return the positions of keys in `mapped`, int64 (n,)."""
        return np.fromiter((self._rows[key] for key in keys), np.int64, len(keys))

    def mapped(self) -> npt.NDArray[Any]:
        """Return all rows, (len, dimension), mapped from the disk."""
        return np.memmap(self._path, self.dtype, "r", shape=(len(self), self.dimension))

    def check_room(self, rows: int) -> None:
        """Refuse so many more rows before they are computed, if the disk can't hold them.

        Nothing is refused here, because rows of descriptors are small.

        Raises
        ------
        DataError
        """

    def free_bytes(self) -> int:
        """Return the free space on the disk that holds, or will hold, the folder."""
        there = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        return shutil.disk_usage(there).free

    @contextmanager
    def writer(
        self, wanted: Sequence[bytes], on_message: OnMessage = no_message
    ) -> Iterator[RowWriter]:
        """Yield what appends to the cache; it takes the write lock with its first row.

        Parameters
        ----------
        wanted : sequence of bytes
            The keys that will be appended; once all are there, nothing is waited for.
        on_message : callable, optional
            Told if another process is writing, so that this one waits.
        """
        with ExitStack() as stack:
            yield RowWriter(self, wanted, on_message, stack)


class RowWriter:
    """What appends rows to a cache; see `RowCache.writer`."""

    def __init__(
        self, cache: RowCache, wanted: Sequence[bytes], on_message: OnMessage, stack: ExitStack
    ) -> None:
        self._cache = cache
        self._wanted = wanted
        self._on_message = on_message
        self._stack = stack
        self._files: tuple[int, int] | None = None

    def append(self, keys: Sequence[bytes], rows: npt.NDArray[np.floating]) -> None:
        """Keep rows (n, dimension) under their keys; they are durable when this returns.

        Rows whose key another process has written in the meantime are passed over.

        Raises
        ------
        DataError
            If the disk is full or fails, or the rows have another shape; what was kept before
            stays.
        """
        cache = self._cache
        if rows.shape != (len(keys), cache.dimension):
            raise DataError(
                f"{cache.folder} keeps {cache.dimension} numbers per image. Expected an array of "
                f"shape {(len(keys), cache.dimension)}, got {rows.shape}."
            )
        try:
            if self._files is None:
                self._files = self._open()
            new = [index for index, key in enumerate(keys) if key not in cache]
            if self._files is None or not new:
                return
            data = np.ascontiguousarray(rows[new], cache.dtype).tobytes()
            key_file, row_file = self._files
            _write(row_file, len(cache) * cache.row_bytes, data)
            _write(key_file, len(cache) * KEY_BYTES, b"".join(keys[index] for index in new))
        except OSError as error:
            raise DataError(
                f"Descriptors can't be kept in {cache.folder}: {error.strerror or error}. Free "
                "some space or choose another cache folder; the same command then "
                "continues where it stopped."
            ) from error
        cache.refresh()

    def _open(self) -> tuple[int, int] | None:
        """Take the lock and open both files without a torn end; None if nothing is missing."""
        cache = self._cache
        cache.folder.mkdir(parents=True, exist_ok=True)
        if not self._lock():
            return None
        files = []
        for path, size in ((cache.folder / _KEY_FILE, KEY_BYTES), (cache._path, cache.row_bytes)):
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            self._stack.callback(os.close, file)
            if os.fstat(file).st_size > len(cache) * size:
                os.ftruncate(file, len(cache) * size)
            files.append(file)
        return files[0], files[1]

    def _lock(self) -> bool:
        """Wait for the lock, or until another process has written all that is wanted."""
        cache, told = self._cache, False
        lock = FileLock(cache.folder / "lock")
        while True:
            try:
                self._stack.enter_context(lock.acquire(blocking=False))
                cache.refresh()
                return True
            except Timeout:
                pass
            cache.refresh()
            if all(key in cache for key in self._wanted):
                return False
            if not told:
                self._on_message(f"waiting for another process that writes to {cache.folder}")
                told = True
            time.sleep(_POLL)


class DescriptorCache(RowCache):
    """Vectors of one descriptor, float32, in the sub-folder named for the digest of its spec.

    Parameters
    ----------
    folder : Path
        Folder of all caches.
    spec : DescriptorSpec
        Whose vectors are kept.
    """

    def __init__(self, folder: Path, spec: DescriptorSpec) -> None:
        super().__init__(Path(folder) / spec.digest[:32], "vectors.f32", spec.dimension, np.float32)

    def vectors(self, keys: Sequence[bytes]) -> Vectors:
        """Return the vectors of keys that are here, float32 (n, D)."""
        found: Vectors = np.asarray(self.mapped()[self.rows(keys)])
        return found


def _write(file: int, offset: int, data: bytes) -> None:
    """Write all of ``data`` at ``offset`` and make it durable."""
    write_all(file, data, offset)
    sync_file(file)
