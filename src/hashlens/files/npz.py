"""Reading an npz file that may come from a stranger: what it declares is checked first."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.lib.format as npy
import numpy.typing as npt

from hashlens.errors import FormatError
from hashlens.files.regular import read_regular

MAX_BYTES = 1 << 30
"""Larger files, and files whose arrays are larger, are refused: 1 GiB."""

MAX_ARRAYS = 64
MAX_RATIO = 64
"""Arrays may be this many times as large as the file: floats hardly shrink when compressed."""

_SUFFIX = ".npy"
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError),  # RuntimeError: encrypted
    *(ValueError, TypeError, KeyError, SyntaxError, OverflowError, MemoryError),
)
"""What damaged content makes of zipfile, of the decompressors and of numpy's header reader."""


def read_npz(path: Path, sha256: str) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an npz file by name.

    Parameters
    ----------
    path : Path
    sha256 : str
        Checksum that the file must have, in hexadecimal.

    Raises
    ------
    FormatError
        If it is not a regular file of at most `MAX_BYTES`, is damaged, or declares more than
        `MAX_ARRAYS`, arrays of Python objects, or arrays larger than `MAX_BYTES` or than
        `MAX_RATIO` times the file.
    """
    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        raise FormatError(f"{path} can't be read: {error.strerror or error}.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise FormatError(f"{path} is damaged: expected the SHA-256 {sha256}, got {found}.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_sizes(members, len(data))
            return {m.filename.removesuffix(_SUFFIX): _read(archive, m) for m in members}
    except _UNREADABLE as error:
        raise FormatError(f"{path} is not a readable npz file: {error}") from error


def _check_sizes(members: list[zipfile.ZipInfo], file_bytes: int) -> None:
    if len(members) > MAX_ARRAYS:
        raise ValueError(f"it holds {len(members)} arrays, more than {MAX_ARRAYS}")
    if len({m.filename for m in members}) < len(members):
        raise ValueError("two of its arrays have one name")
    if any(not m.filename.endswith(_SUFFIX) for m in members):
        raise ValueError("it holds something else than arrays")
    declared = sum(m.file_size for m in members)
    if declared > min(MAX_BYTES, MAX_RATIO * file_bytes):
        raise ValueError(f"its {file_bytes:,} bytes would unpack to {declared:,}")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """Return an array whose header says as many bytes as the archive has for it."""
    with archive.open(member) as file:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        shape, by_column, dtype = read_header[npy.read_magic(file)](file)
        if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
            raise ValueError(f"{member.filename} holds {dtype}, not numbers")
        content = file.read()
    wanted = math.prod(shape) * dtype.itemsize
    if any(length < 0 for length in shape) or len(content) != wanted:
        raise ValueError(f"{member.filename} states {wanted:,} bytes, and holds {len(content):,}")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if by_column else "C").copy()
