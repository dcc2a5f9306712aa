"""Descriptors kept on disk by the content of their image, so that none is computed twice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from hashlens.arrays import Vectors
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError

PATIENCE = 60.0
"""Seconds to wait for another process, which may only be reading what is there."""

KEY_BYTES = 32
"""A key is the SHA-256 of an image file's bytes."""


class RowCache:
    """Append-only rows of numbers under keys; a context manager that holds the write lock.

    The folder has two files that grow together: one of rows and ``keys.bin`` (32 bytes a row). A
    row is on the disk before its key is written, so after a kill at any instant every key has its
    row; what lies beyond the last whole key is overwritten by the next writer.

    Parameters
    ----------
    folder : Path
        Of this cache alone.
    file : str
        Name of the file of rows.
    dimension : int
        Numbers a row.
    dtype : numpy dtype
        Of the numbers.

    Raises
    ------
    DataError
        If another process is writing to it, or the folder can't be written.
    """

    def __init__(self, folder: Path, file: str, dimension: int, dtype: npt.DTypeLike) -> None:
        self.folder = Path(folder)
        self.dimension = dimension
        self.dtype = np.dtype(dtype)
        self._file = file
        self._rows: dict[bytes, int] = {}

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / "lock", timeout=PATIENCE)
            self._lock.acquire()
        except Timeout:
            raise DataError(
                f"Another process is writing descriptors to {self.folder}. Wait until it is done, "
                "or use another --cache folder."
            ) from None
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        try:
            self._keys = _open(self.folder / "keys.bin")
            self._vectors = _open(self.folder / self._file)
            self._load_keys()
        except OSError as error:
            self._lock.release()
            raise _unwritable(self.folder, error) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._keys.close()
        self._vectors.close()
        self._lock.release()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def check_room(self, rows: int) -> None:
        """Refuse so many more rows before they are computed, where the disk can't hold them.

        Nothing is refused here: rows of descriptors are small.

        Raises
        ------
        DataError
        """

    def append(self, keys: Sequence[bytes], vectors: npt.NDArray[np.floating]) -> None:
        """Keep vectors (n, D) under their keys; they are on the disk when this returns.

        Raises
        ------
        DataError
            If the disk is full or fails, or the vectors are of another length; what was kept
            before stays.
        """
        if vectors.shape != (len(keys), self.dimension):
            raise DataError(
                f"{self.folder} keeps {self.dimension} numbers an image. Expected an array of "
                f"shape {(len(keys), self.dimension)}, got {vectors.shape}."
            )
        count = len(self._rows)
        try:
            data = np.ascontiguousarray(vectors, self.dtype).tobytes()
            _write(self._vectors, count * self.row_bytes, data)
            _write(self._keys, count * KEY_BYTES, b"".join(keys))
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        for row, key in enumerate(keys, start=count):
            self._rows[key] = row

    @property
    def row_bytes(self) -> int:
        """Size of a row, in bytes."""
        return self.dimension * self.dtype.itemsize

    def rows(self, keys: Sequence[bytes]) -> npt.NDArray[np.int64]:
        """Return where in `mapped` the rows of keys are."""
        return np.fromiter((self._rows[key] for key in keys), np.int64, len(keys))

    def mapped(self) -> npt.NDArray[Any]:
        """Return all rows, (len, D), mapped from the disk; they stay after the lock is released."""
        return np.memmap(
            self.folder / self._file, self.dtype, "r", shape=(len(self), self.dimension)
        )

    def _load_keys(self) -> None:
        keys = self._keys.readall()
        vectors = os.fstat(self._vectors.fileno()).st_size // self.row_bytes
        count = min(len(keys) // KEY_BYTES, vectors)
        self._rows = {keys[row * KEY_BYTES : (row + 1) * KEY_BYTES]: row for row in range(count)}
        if len(self._rows) < count:
            raise DataError(
                f"{self._keys.name} is damaged: it repeats a key. Delete {self.folder}."
            )


class DescriptorCache(RowCache):
    """Vectors of one descriptor, float32, in the sub-folder named for the digest of its spec.

    Parameters
    ----------
    folder : Path
        Of all caches.
    spec : DescriptorSpec
        Whose vectors are kept.
    """

    def __init__(self, folder: Path, spec: DescriptorSpec) -> None:
        super().__init__(Path(folder) / spec.digest[:32], "vectors.f32", spec.dimension, np.float32)

    def vectors(self, keys: Sequence[bytes]) -> Vectors:
        """Return the vectors of keys that are here, float32 (n, D)."""
        found: Vectors = np.asarray(self.mapped()[self.rows(keys)])
        return found


def _open(path: Path) -> FileIO:
    path.touch()
    return FileIO(path, "r+")


def _write(file: FileIO, offset: int, data: bytes) -> None:
    """Write all of ``data`` at ``offset`` and make it durable."""
    file.seek(offset)
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
    os.fsync(file.fileno())


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"Descriptors can't be kept in {folder}: {error.strerror or error}. Free some space or "
        "choose another folder with --cache; the same command then goes on where it was."
    )
