"""A multi-index on disk: built once, then mapped into memory by every process that searches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hashlens.codes import MAX_BITS
from hashlens.errors import FormatError
from hashlens.indexes.disk.index_file import Arrays, damaged, read_index_file, write_index_file
from hashlens.native import Segment, TableArrays

_KIND = "multi-index"


class SavedMultiIndex(NamedTuple):
    """What a file holds of a multi-index."""

    bits: int
    rows: int
    next_id: int
    source: str
    segments: list[Segment]
    ids: npt.NDArray[np.int64] | None
    """Ids of all rows; None where they are the row numbers."""
    blocked: npt.NDArray[np.uint8] | None
    """A bit a row, least significant first, 1 = removed; None where no row is."""


def save_multi_index(path: str | os.PathLike[str], saved: SavedMultiIndex) -> None:
    """Write a multi-index whose codes are all in segments."""
    arrays: Arrays = {}
    layout = []
    for s, segment in enumerate(saved.segments):
        layout.append(
            {
                "key_bits": segment.key_bits,
                "first_row": segment.first_row,
                "rows": segment.rows,
                "tables": len(segment.tables),
            }
        )
        arrays[f"{s}/group_starts"] = segment.group_starts
        arrays[f"{s}/group_rows"] = segment.group_rows
        for t, table in enumerate(segment.tables):
            for field, array in table._asdict().items():
                arrays[f"{s}/{t}/{field}"] = array
    if saved.ids is not None:
        arrays["ids"] = saved.ids
    if saved.blocked is not None:
        arrays["blocked"] = saved.blocked
    about = {
        "kind": _KIND,
        "bits": saved.bits,
        "rows": saved.rows,
        "next_id": saved.next_id,
        "source": saved.source,
        "segments": layout,
    }
    write_index_file(path, about, arrays)


def load_multi_index(path: str | os.PathLike[str]) -> SavedMultiIndex:
    """Map a multi-index that `save_multi_index` wrote.

    Raises
    ------
    FormatError
        If the file is damaged, foreign, or holds what no multi-index has. Checksums tell of
        accidents; that offsets and references stay inside the arrays is checked besides, so not
        even a forged file makes a search read beyond them.
    """
    about, arrays = read_index_file(path)
    if about.get("kind") != _KIND:
        raise FormatError(f"The index file {os.fspath(path)!r} holds no multi-index.")
    try:
        bits, rows, next_id = (int(about[name]) for name in ("bits", "rows", "next_id"))
        source, layout = str(about["source"]), list(about["segments"])
        if not (8 <= bits <= MAX_BITS and bits % 8 == 0 and rows >= 0 and next_id >= 0):
            raise ValueError("bits, rows or next_id are out of range")
        segments = [_segment(arrays, s, part, bits) for s, part in enumerate(layout)]
        _check_rows(segments, rows)
        ids = _optional(arrays, "ids", np.int64, rows)
        blocked = _optional(arrays, "blocked", np.uint8, (rows + 7) // 8)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise damaged(path, f"its contents contradict each other: {error}") from error
    return SavedMultiIndex(bits, rows, next_id, source, segments, ids, blocked)


def _segment(arrays: Arrays, number: int, layout: dict[str, Any], bits: int) -> Segment:
    def array(name: str, dtype: type, dimensions: int) -> npt.NDArray[Any]:
        found = arrays[f"{number}/{name}"]
        if found.dtype != dtype or found.ndim != dimensions:
            raise ValueError(f"the array {number}/{name} has another dtype or shape")
        return found

    tables = []
    for t in range(int(layout["tables"])):
        codes = array(f"{t}/codes", np.uint8, 2)
        if codes.shape[1] != bits // 8:
            raise ValueError(f"codes of {codes.shape[1]} bytes in an index of {bits} bits")
        offsets, refs = array(f"{t}/offsets", np.uint32, 1), array(f"{t}/refs", np.uint32, 1)
        tables.append(TableArrays(offsets, codes, refs))
    return Segment(
        int(layout["key_bits"]),
        int(layout["first_row"]),
        int(layout["rows"]),
        array("group_starts", np.uint32, 1),
        array("group_rows", np.uint32, 1),
        tables,
    )


def _check_rows(segments: Sequence[Segment], rows: int) -> None:
    """Segments cover all rows, one after the other."""
    end = 0
    for segment in segments:
        if segment.first_row != end:
            raise ValueError("the segments leave out rows or overlap")
        end += segment.rows
    if end != rows:
        raise ValueError(f"the segments hold {end} rows instead of {rows}")


def _optional(arrays: Arrays, name: str, dtype: type, length: int) -> npt.NDArray[Any] | None:
    array = arrays.get(name)
    if array is not None and (array.dtype != dtype or array.shape != (length,)):
        raise ValueError(f"the array {name!r} has another dtype or shape")
    return array
