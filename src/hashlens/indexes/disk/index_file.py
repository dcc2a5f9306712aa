"""Arrays in one checksummed file that is mapped into memory, never parsed.

Layout: the magic bytes, the length and CRC-32 of a header (two little-endian uint32), the header,
then the arrays, one after the other, each starting at a multiple of 64 bytes. Their numbers are
little-endian. The header is JSON: the format version, what the caller says about the arrays, and
name, dtype, shape, offset and CRC-32 of each array.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Bytes
from hashlens.errors import FormatError
from hashlens.files.atomic import replacing

MAGIC = b"HLINDEX\n"
VERSION = 2
"""Version 1 knew only multi-indexes, and did not keep the number of tables that was asked for."""
_ALIGNMENT = 64
_MAX_HEADER = 1 << 20
_DTYPES: dict[str, np.dtype[Any]] = {
    "uint8": np.dtype("u1"),
    "uint32": np.dtype("<u4"),
    "int64": np.dtype("<i8"),
}

Arrays = dict[str, npt.NDArray[Any]]


def write_index_file(
    path: str | os.PathLike[str], about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> None:
    """Write ``arrays`` and what is said ``about`` them; readers see the old file or the new one.

    Parameters
    ----------
    path : path of the file, replaced if it exists
    about : JSON values, by name
    arrays : arrays of dtype uint8, uint32 or int64, by name

    Raises
    ------
    ParameterError, HashlensError
        If it can't be written; see `hashlens.files.atomic.replacing`.
    """
    plain = {
        name: np.ascontiguousarray(array, dtype=_DTYPES[array.dtype.name])
        for name, array in arrays.items()
    }
    header = _header(about, plain)
    with replacing(Path(path), follow_link=True) as partial, partial.open("wb") as file:
        file.write(MAGIC + struct.pack("<II", len(header), zlib.crc32(header)) + header)
        for array in plain.values():
            file.write(b"\0" * (-file.tell() % _ALIGNMENT))
            file.write(array.data)


def read_index_file(
    path: str | os.PathLike[str], *, map: bool = True
) -> tuple[dict[str, Any], Arrays]:
    """Map a file that `write_index_file` wrote; return what it says about its arrays, and those.

    All checksums are verified, which reads the file once. The arrays are read-only views of it, or,
    without ``map``, of a copy in memory.

    Raises
    ------
    FormatError
        If the file is damaged, truncated, foreign, or of a newer version.
    """
    data = _map(path) if map else _read(path)
    header = _read_header(path, data)
    arrays: Arrays = {}
    end = 0
    for entry in _list(path, header.get("arrays")):
        name, array, end = _read_array(path, data, entry, end)
        arrays[name] = array
    return _about(path, header), arrays


def read_about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a file says about its arrays; only its header is read and verified.

    Raises
    ------
    FormatError
        If the header is damaged or foreign, or the file is of a newer version or can't be read.
    """
    return _about(path, _read_header(path, _map(path)))


def damaged(path: str | os.PathLike[str], what: str) -> FormatError:
    """Return the error for a file in which something is wrong."""
    return FormatError(
        f"The index file {os.fspath(path)!r} is damaged: {what}. "
        "Delete it and build the index again from the codes."
    )


def _map(path: str | os.PathLike[str]) -> Bytes:
    try:
        size = os.path.getsize(path)
        return np.memmap(path, dtype=np.uint8, mode="r") if size else np.empty(0, np.uint8)
    except OSError as error:
        raise FormatError(f"The index file {os.fspath(path)!r} can't be read: {error}.") from error


def _read(path: str | os.PathLike[str]) -> Bytes:
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise FormatError(f"The index file {os.fspath(path)!r} can't be read: {error}.") from error
    data.flags.writeable = False
    return data


def _about(path: str | os.PathLike[str], header: Mapping[str, Any]) -> dict[str, Any]:
    about = header.get("about")
    if not isinstance(about, dict):
        raise damaged(path, "its header says nothing about the arrays")
    return about


def _header(about: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return the header, padded to a multiple of 64 bytes; offsets count from its end."""
    entries = []
    offset = 0
    for name, array in arrays.items():
        entries.append(
            {
                "name": name,
                "dtype": array.dtype.name,
                "shape": list(array.shape),
                "offset": offset,
                "crc32": zlib.crc32(array.data),
            }
        )
        offset += array.nbytes + -array.nbytes % _ALIGNMENT
    document = {"version": VERSION, "about": dict(about), "arrays": entries}
    text = json.dumps(document, allow_nan=False).encode()
    start = len(MAGIC) + 8
    return text + b" " * (-(start + len(text)) % _ALIGNMENT)


def _read_header(path: str | os.PathLike[str], data: Bytes) -> dict[str, Any]:
    start = len(MAGIC) + 8
    if data[: len(MAGIC)].tobytes() != MAGIC:
        raise FormatError(f"The file {os.fspath(path)!r} is not a hashlens index.")
    if len(data) < start:
        raise damaged(path, "it ends within its first bytes")
    length, checksum = struct.unpack("<II", data[len(MAGIC) : start].tobytes())
    if length > min(_MAX_HEADER, len(data) - start):
        raise damaged(path, "it is shorter than its header")
    text = data[start : start + length].tobytes()
    if zlib.crc32(text) != checksum:
        raise damaged(path, "the checksum of its header does not match")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"its header is not JSON: {error}") from error
    version = header.get("version") if isinstance(header, dict) else None
    if version not in range(1, VERSION + 1):
        raise FormatError(
            f"The index file {os.fspath(path)!r} has the format version {version!r}; this hashlens "
            f"reads up to {VERSION}. Upgrade it, or delete the file and build the index again."
        )
    header["start"] = start + length
    for entry in _list(path, header.get("arrays")):
        if isinstance(entry, dict) and isinstance(entry.get("offset"), int):
            entry["offset"] += header["start"]
    return dict(header)


def _read_array(
    path: str | os.PathLike[str], data: Bytes, entry: Any, after: int
) -> tuple[str, npt.NDArray[Any], int]:
    """Return the name of an array, the array, and where it ends; it must begin ``after``.

    Arrays that overlap could make a small file cost any amount of memory and time.
    """
    try:
        name, shape, offset = str(entry["name"]), [int(x) for x in entry["shape"]], entry["offset"]
        dtype, checksum = _DTYPES[entry["dtype"]], int(entry["crc32"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(path, f"the entry of an array in its header is wrong: {error!r}") from error
    size = math.prod(shape) * dtype.itemsize
    fits = isinstance(offset, int) and offset >= after and offset % _ALIGNMENT == 0
    if not fits or min(shape, default=0) < 0 or offset + size > len(data):
        raise damaged(path, f"the array {name!r} lies beyond its end or in another array")
    part = data[offset : offset + size]
    if zlib.crc32(part.data) != checksum:
        raise damaged(path, f"the checksum of the array {name!r} does not match")
    try:
        array = part.view(dtype).reshape(shape)
    except ValueError as error:  # too many dimensions, or huge ones beside one of length 0
        raise damaged(path, f"the array {name!r} has an impossible shape: {error}") from error
    native = array.astype(dtype.newbyteorder("="), copy=False)
    return name, native.view(np.ndarray), offset + size


def _list(path: str | os.PathLike[str], value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise damaged(path, "its header lists no arrays")
    return value
