"""A multi-index on disk: built once, then mapped into memory by every process that searches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from hashlens.indexes.disk.contents import Contents, contradiction, describe, read_contents
from hashlens.indexes.disk.index_file import write_index_file
from hashlens.indexes.row_ids import RowIds
from hashlens.native import Segment, TableArrays


class SavedMultiIndex(NamedTuple):
    """What a file holds of a multi-index."""

    bits: int
    tables: int | None
    """The number of tables asked for; None where the number of codes decides."""
    ids: RowIds
    segments: tuple[Segment, ...]


def save_multi_index(path: str | os.PathLike[str], saved: SavedMultiIndex, *, source: str) -> None:
    """Write a multi-index whose codes are all in segments."""
    about, arrays = describe("multi-index", saved.bits, saved.ids, source)
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
    write_index_file(path, about | {"tables": saved.tables, "segments": layout}, arrays)


def load_multi_index(
    path: str | os.PathLike[str], *, source: str, map: bool = True
) -> SavedMultiIndex:
    """Map, or read, a multi-index that `save_multi_index` wrote.

    Raises
    ------
    FormatError
        If the file is damaged, foreign, of another source, or holds what no multi-index can.
        Checksums detect accidents. Offsets and references are checked besides, so even a forged
        file can't make a search read beyond the arrays.
    """
    contents = read_contents(path, "multi-index", source, map)
    about = contents.about
    try:
        tables = about.get("tables")  # version 1 did not keep it
        if tables is not None and not 1 <= int(tables) <= contents.bits // 8:
            raise ValueError("the number of tables is out of range")
        layout = enumerate(list(about["segments"]))
        segments = tuple(_segment(contents, number, part) for number, part in layout)
        _check_rows(segments, contents.ids)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise contradiction(path, error) from error
    return SavedMultiIndex(
        contents.bits, None if tables is None else int(tables), contents.ids, segments
    )


def _segment(contents: Contents, number: int, layout: dict[str, Any]) -> Segment:
    tables = [
        TableArrays(
            contents.array(f"{number}/{t}/offsets", np.uint32, 1),
            contents.codes(f"{number}/{t}/codes"),
            contents.array(f"{number}/{t}/refs", np.uint32, 1),
        )
        for t in range(int(layout["tables"]))
    ]
    return Segment(
        int(layout["key_bits"]),
        int(layout["first_row"]),
        int(layout["rows"]),
        contents.array(f"{number}/group_starts", np.uint32, 1),
        contents.array(f"{number}/group_rows", np.uint32, 1),
        tables,
    )


def _check_rows(segments: Sequence[Segment], ids: RowIds) -> None:
    """Check that segments cover all rows, one after the other, and hold codes for them.

    A few bytes can claim any number of rows, which would take memory later on.

    Raises
    ------
    ValueError
        If they do not.
    """
    end = 0
    for segment in segments:
        if segment.first_row != end:
            raise ValueError("the segments leave out rows or overlap")
        end += segment.rows
    if end != ids.rows:
        raise ValueError(f"the segments hold {end} rows instead of {ids.rows}")
    held = sum(segment.held_rows for segment in segments)
    if not len(ids) <= held <= end:
        raise ValueError(f"the segments hold codes of {held} rows instead of {len(ids)}")
