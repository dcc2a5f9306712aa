"""What the file of every index says: its kind, code length, source, and the ids of its rows."""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.codes import MAX_BITS
from hashlens.errors import FormatError
from hashlens.indexes.bitmap import bytes_for
from hashlens.indexes.disk.index_file import Arrays, damaged, read_about, read_index_file
from hashlens.indexes.row_ids import RowIds

Kind = Literal["linear-index", "multi-index"]


class Contents(NamedTuple):
    """What was read from the file of an index."""

    bits: int
    ids: RowIds
    about: dict[str, Any]
    arrays: Arrays

    def array(self, name: str, dtype: type, dimensions: int) -> npt.NDArray[Any]:
        """Return an array of the file.

        Raises
        ------
        KeyError, ValueError
            If it is missing, or has another dtype or shape.
        """
        found = self.arrays[name]
        if found.dtype != dtype or found.ndim != dimensions:
            raise ValueError(f"the array {name} has another dtype or shape")
        return found

    def codes(self, name: str) -> Codes:
        """Return an array of codes of the file, whose width must fit its code length."""
        codes = self.array(name, np.uint8, 2)
        if codes.shape[1] != self.bits // 8:
            raise ValueError(f"codes of {codes.shape[1]} bytes in an index of {self.bits} bits")
        return codes


def describe(kind: Kind, bits: int, ids: RowIds, source: str) -> tuple[dict[str, Any], Arrays]:
    """Return what to write about an index of any kind, and the arrays of its ids."""
    about = {
        "kind": kind,
        "bits": bits,
        "rows": ids.rows,
        "next_id": ids.next_id,
        "source": source,
    }
    arrays = {"ids": ids.array, "blocked": ids.blocked}
    return about, {name: array for name, array in arrays.items() if array is not None}


def read_contents(
    path: str | os.PathLike[str], kind: Kind, source: str, map: bool = True
) -> Contents:
    """Map, or read, the file of an index of one kind and source.

    Raises
    ------
    FormatError
        If the file is damaged, foreign, or of another kind or source.
    """
    about, arrays = read_index_file(path, map=map)
    if about.get("kind") != kind:
        raise FormatError(
            f"The index file {os.fspath(path)!r} holds a {about.get('kind')}, not a {kind}. "
            "AutoIndex.load reads either."
        )
    try:
        bits, rows, next_id = (int(about[name]) for name in ("bits", "rows", "next_id"))
        if not (8 <= bits <= MAX_BITS and bits % 8 == 0 and rows >= 0 and next_id >= 0):
            raise ValueError("bits, rows or next_id are out of range")
        built_from = str(about["source"])
        ids = _optional(arrays, "ids", np.int64, rows)
        blocked = _optional(arrays, "blocked", np.uint8, bytes_for(rows))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise contradiction(path, error) from error
    if built_from != source:
        raise FormatError(
            f"The index file {os.fspath(path)!r} was built from {built_from!r}, not from "
            f"{source!r}. Delete it and build the index again from the codes."
        )
    try:
        return Contents(bits, RowIds.restore(rows, next_id, ids, blocked), about, arrays)
    except ValueError as error:
        raise contradiction(path, error) from error


def kind_of(path: str | os.PathLike[str]) -> str:
    """Return the kind of index that a file holds; only its header is read.

    Raises
    ------
    FormatError
        If the header is damaged or foreign, or the file can't be read.
    """
    return str(read_about(path).get("kind"))


def contradiction(path: str | os.PathLike[str], error: Exception) -> FormatError:
    """Return the error for a file whose parts do not fit together."""
    return damaged(path, f"its contents contradict each other: {error}")


def _optional(arrays: Arrays, name: str, dtype: type, length: int) -> npt.NDArray[Any] | None:
    array = arrays.get(name)
    if array is not None and (array.dtype != dtype or array.shape != (length,)):
        raise ValueError(f"the array {name!r} has another dtype or shape")
    return array
