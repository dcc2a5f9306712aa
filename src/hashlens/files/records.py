"""Files of fixed-width records, appended to and never changed: codes and descriptors.

Layout (docs/formats.md): a header of 128 bytes, then records back to back; record ``i`` begins at
``128 + i · record bytes``. The catalog says how many records count. What lies behind them was
written but not committed, so it is ignored, and overwritten by the next writer.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from hashlens.errors import FormatError, ModelMismatchError
from hashlens.files.atomic import sync_file, sync_folder
from hashlens.files.disk_errors import disk_errors, write_all
from hashlens.files.regular import open_regular

FORMAT_VERSION = 1
HEADER_BYTES = 128

_MAGIC = b"HASHLENS"
_FIELDS = struct.Struct("<8sI4sIQ32s")
"""Magic, format version, kind, values a record, generation, SHA-256 of the model's digest."""
_CHECKSUM = struct.Struct("<I")
_KINDS = {"codes": b"CODE", "descriptors": b"DESC"}
_DTYPES: dict[str, np.dtype[Any]] = {"codes": np.dtype("|u1"), "descriptors": np.dtype("<f2")}

Records = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class RecordLayout:
    """What a file of records holds, as its header states it.

    Attributes
    ----------
    kind : {"codes", "descriptors"}
        Packed codes (uint8), or descriptors (float16, little-endian).
    width : int
        Values a record: bytes of a code, dimensions of a descriptor.
    digest : str
        Digest of the model that made them.
    generation : int
        Grows with each compaction; part of the file's name.
    """

    kind: Literal["codes", "descriptors"]
    width: int
    digest: str
    generation: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a record's values."""
        return _DTYPES[self.kind]

    @property
    def record_bytes(self) -> int:
        """Length of a record in bytes."""
        return self.width * self.dtype.itemsize

    @property
    def file_name(self) -> str:
        """Name of the file in the collection's directory."""
        return f"{self.kind}-{self.generation:06d}.bin"

    def header(self) -> bytes:
        """Return the header: fields, zeros, and a CRC-32 of both in the last four bytes."""
        identity = hashlib.sha256(self.digest.encode()).digest()
        fields = _FIELDS.pack(
            _MAGIC, FORMAT_VERSION, _KINDS[self.kind], self.width, self.generation, identity
        )
        body = fields.ljust(HEADER_BYTES - _CHECKSUM.size, b"\0")
        return body + _CHECKSUM.pack(zlib.crc32(body))


class RecordFile:
    """One file of records, open for reading or for writing.

    Parameters
    ----------
    folder : Path
        The collection's directory.
    layout : RecordLayout
        What the catalog says that the file holds.
    write : bool
        Whether records will be written.

    Raises
    ------
    FormatError
        If the file is missing, is of a newer format version, or its header is damaged or says
        something else than ``layout``.
    ModelMismatchError
        If the records were made by another model.
    """

    def __init__(self, folder: Path, layout: RecordLayout, write: bool = False) -> None:
        self.path = folder / layout.file_name
        self.layout = layout
        try:
            self._descriptor = open_regular(self.path, os.O_RDWR if write else os.O_RDONLY)
        except FileNotFoundError:
            raise FormatError(
                f"The collection's file {self.path} is missing. Restore it, or delete the "
                "collection and index the images again."
            ) from None
        try:
            self._check_header()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, folder: Path, layout: RecordLayout) -> Self:
        """Create the file without records, replacing a leftover of the same name."""
        path = folder / layout.file_name
        with disk_errors(f"Creating {path}"):
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                write_all(descriptor, layout.header(), 0)
                sync_file(descriptor)
            finally:
                os.close(descriptor)
            sync_folder(folder)
        return cls(folder, layout, write=True)

    def write(self, start: int, records: Records) -> None:
        """Write records from number ``start`` on; `sync` makes them durable.

        Raises
        ------
        CollectionError
            If the disk is full or fails.
        """
        data = np.ascontiguousarray(records, dtype=self.layout.dtype)
        if data.ndim != 2 or data.shape[1] != self.layout.width:
            raise ValueError(f"records of shape (n, {self.layout.width}) expected: {data.shape}")
        with disk_errors(f"Writing {self.layout.kind} to {self.path}"):
            write_all(self._descriptor, data.tobytes(), self._offset(start))

    def sync(self) -> None:
        """Return once all that was written is on the disk."""
        with disk_errors(f"Writing {self.layout.kind} to {self.path}"):
            sync_file(self._descriptor)

    def truncate(self, count: int) -> None:
        """Give back the space behind the first ``count`` records."""
        os.ftruncate(self._descriptor, self._offset(count))

    def read(self, start: int, count: int) -> Records:
        """Return a copy of ``count`` records from number ``start`` on: (count, width).

        Raises
        ------
        FormatError
            If the file is too short.
        """
        wanted = count * self.layout.record_bytes
        data = os.pread(self._descriptor, wanted, self._offset(start))
        if len(data) != wanted:
            raise self._too_short(start + count)
        return np.frombuffer(data, self.layout.dtype).reshape(count, self.layout.width)

    def map(self, count: int) -> Records:
        """Return the first ``count`` records as a read-only view of the file: (count, width).

        Pages are read when touched; the view stays valid when the file is closed or removed.

        Raises
        ------
        FormatError
            If the file holds fewer records.
        """
        if os.fstat(self._descriptor).st_size < self._offset(count):
            raise self._too_short(count)
        shape = (count, self.layout.width)
        if count == 0:  # An empty range can't be mapped.
            return np.empty(shape, self.layout.dtype)
        with open(os.dup(self._descriptor), "rb") as file:
            mapped = np.memmap(file, self.layout.dtype, "r", HEADER_BYTES, shape)
        return mapped.view(np.ndarray)

    def close(self) -> None:
        """Close the file; views that `map` returned stay valid."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _offset(self, record: int) -> int:
        return HEADER_BYTES + record * self.layout.record_bytes

    def _too_short(self, count: int) -> FormatError:
        size = os.fstat(self._descriptor).st_size
        found = max(0, size - HEADER_BYTES) // self.layout.record_bytes
        return FormatError(
            f"{self.path} is damaged: expected at least {count:,} records, got {found:,}. "
            "Delete the collection and index the images again."
        )

    def _check_header(self) -> None:
        header = os.pread(self._descriptor, HEADER_BYTES, 0)
        body, checksum = header[: -_CHECKSUM.size], header[-_CHECKSUM.size :]
        if len(header) < HEADER_BYTES or checksum != _CHECKSUM.pack(zlib.crc32(body)):
            raise FormatError(
                f"{self.path} is damaged: its header of {HEADER_BYTES} bytes does not match its "
                "checksum. Delete the collection and index the images again."
            )
        magic, version, kind, width, generation, identity = _FIELDS.unpack_from(header)
        if magic != _MAGIC:
            raise FormatError(f"{self.path} is no hashlens file: it begins with {magic!r}.")
        if version > FORMAT_VERSION:
            raise FormatError(
                f"{self.path} has the format version {version}; this hashlens reads up to "
                f"{FORMAT_VERSION}. Upgrade it: pip install --upgrade hashlens"
            )
        if identity != hashlib.sha256(self.layout.digest.encode()).digest():
            raise ModelMismatchError(
                f"{self.path} was made by another model than the collection's, whose digest is "
                f"{self.layout.digest}. Restore the file that belongs here, or delete the "
                "collection and index the images again."
            )
        found, expected = (kind, width, generation), self._expected()
        if found != expected:
            raise FormatError(
                f"{self.path} does not belong to this collection: expected kind, width and "
                f"generation {expected}, got {found}."
            )

    def _expected(self) -> tuple[bytes, int, int]:
        return _KINDS[self.layout.kind], self.layout.width, self.layout.generation
