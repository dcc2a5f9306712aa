"""Writing records with their checksums, to the files that a catalog's state calls for."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from hashlens.codes import bytes_per_code
from hashlens.collection.store.rows import CatalogState, Segment
from hashlens.files.records import RecordFile, RecordLayout, Records

_CHUNK = 65_536


def layouts_of(state: CatalogState) -> list[RecordLayout]:
    """Return the layout of each file of records that a collection in this state has."""
    width = bytes_per_code(state.bits)
    layouts = [RecordLayout("codes", width, state.digest, state.generation)]
    if state.descriptor_dim is not None:
        layouts.append(
            RecordLayout("descriptors", state.descriptor_dim, state.digest, state.generation)
        )
    return layouts


def write_segment(files: dict[str, RecordFile], records: dict[str, Records], start: int) -> Segment:
    """Write records from slot ``start`` on, by kind; they are on the disk when this returns."""
    checksums = {}
    for kind, values in records.items():
        written = np.ascontiguousarray(values, dtype=files[kind].layout.dtype)
        files[kind].write(start, written)
        files[kind].sync()
        checksums[kind] = checksum(written)
    return Segment(start, len(records["codes"]), checksums["codes"], checksums.get("descriptors"))


def copy_records(
    sources: dict[str, Records | None], files: dict[str, RecordFile], kept: npt.NDArray[np.int64]
) -> list[Segment]:
    """Write the records of the slots ``kept`` to new files, in order; return their segments."""
    segments = []
    for start in range(0, len(kept), _CHUNK):
        slots = kept[start : start + _CHUNK]
        records = {kind: data[slots] for kind, data in sources.items() if data is not None}
        segments.append(write_segment(files, records, start))
    return segments


def checksum(records: Records) -> int:
    """Return the CRC-32 of the bytes of records."""
    return zlib.crc32(np.ascontiguousarray(records).data)
