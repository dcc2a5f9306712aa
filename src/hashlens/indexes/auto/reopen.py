"""Saved indexes, opened for an `AutoIndex`."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.errors import DataError, FormatError
from hashlens.indexes.disk.contents import kind_of
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.row_ids import RowIds


def load_any(
    path: str | os.PathLike[str], source: str, map: bool = True
) -> LinearIndex | MultiIndex:
    """Return the index of a file, whichever kind it holds.

    Raises
    ------
    FormatError
        See `Index.load`.
    """
    if kind_of(path) == "linear-index":
        return LinearIndex.load(path, source=source, map=map)
    return MultiIndex.load(path, source=source, map=map)


def reopen(
    path: str | os.PathLike[str], codes: Codes, denied: npt.ArrayLike | None, source: str
) -> MultiIndex | None:
    """Return the multi-index of a file, changed to hold exactly ``codes`` without ``denied``.

    None if there is no such file, or it is damaged, of another source or of other codes.

    Raises
    ------
    DataError
        If it has ids of its own, and it can't be told which of the codes they belong to.
    """
    try:
        multi = MultiIndex.load(path, source=source)
    except FormatError:
        return None
    if multi.bits != 8 * codes.shape[1] or multi.row_ids.rows > len(codes):
        return None
    if multi.row_ids.array is not None:
        return _with_own_ids(path, multi, codes, denied)
    held = ~multi.row_ids.removed()
    ids = RowIds(len(codes)).without([] if denied is None else denied, "AutoIndex.open")
    wanted = ~ids.removed()
    if (wanted[: len(held)] & ~held).any():
        return None
    wanted[: len(held)] |= ~held  # removed before it was saved
    # Explicit ids: by default they would follow the largest that the index ever had.
    multi.add(codes[len(held) :], np.arange(len(held), len(codes)))
    multi.remove(np.flatnonzero(~wanted))
    return multi


def _with_own_ids(
    path: str | os.PathLike[str], multi: MultiIndex, codes: Codes, denied: npt.ArrayLike | None
) -> MultiIndex | None:
    ids = multi.ids
    held = multi.reconstruct(ids)
    if np.array_equal(held, codes[multi.row_ids.live_rows()]):
        multi.add(codes[multi.row_ids.rows :])
        multi.remove([] if denied is None else denied)
        return multi
    # Many rows were removed, so the others were renumbered. If ids are the rows that they had, they
    # are those of `from_codes`.
    if ids.max(initial=-1) < len(codes) and np.array_equal(held, codes[ids]):
        return None
    raise DataError(
        f"The index file {os.fspath(path)!r} holds ids of its own, and AutoIndex.open can't tell "
        "which codes they belong to. Use AutoIndex.load, which restores the codes with their ids."
    )
