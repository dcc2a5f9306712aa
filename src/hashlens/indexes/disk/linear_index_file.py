"""A linear index on disk: the codes of its rows, and their ids."""

from __future__ import annotations

import os

from hashlens.arrays import Codes
from hashlens.indexes.disk.contents import contradiction, describe, read_contents
from hashlens.indexes.disk.index_file import write_index_file
from hashlens.indexes.row_ids import RowIds


def save_linear_index(
    path: str | os.PathLike[str], codes: Codes, ids: RowIds, *, source: str
) -> None:
    """Write the codes of all rows and their ids."""
    about, arrays = describe("linear-index", 8 * codes.shape[1], ids, source)
    write_index_file(path, about, arrays | {"codes": codes})


def load_linear_index(
    path: str | os.PathLike[str], *, source: str, map: bool = True
) -> tuple[Codes, RowIds]:
    """Map, or read, the codes and ids that `save_linear_index` wrote.

    Raises
    ------
    FormatError
        If the file is damaged, foreign, or of another source.
    """
    contents = read_contents(path, "linear-index", source, map)
    try:
        codes = contents.codes("codes")
        if len(codes) != contents.ids.rows:
            raise ValueError(f"it holds {len(codes)} codes and {contents.ids.rows} rows")
    except (KeyError, ValueError) as error:
        raise contradiction(path, error) from error
    return codes, contents.ids
