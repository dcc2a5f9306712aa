"""Restricting a search to some ids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.indexes.row_ids import RowIds, Rows, check_ids

Bits = npt.NDArray[np.uint8]


def allowed_rows(
    ids: RowIds, allow: npt.ArrayLike, deny: npt.ArrayLike | None, caller: str
) -> Rows:
    """Return the rows that a filter leaves, ascending."""
    rows = np.unique(ids.find(check_ids(allow, caller)))
    if deny is not None:
        rows = np.setdiff1d(rows, ids.find(check_ids(deny, caller)))
    return rows[rows >= 0]


def blocked_rows(
    ids: RowIds, allow: npt.ArrayLike | None, deny: npt.ArrayLike | None, caller: str
) -> Bits | None:
    """Return the rows that a search must skip, or None if it may find all.

    Parameters
    ----------
    ids : RowIds
        The ids of the index; its removed rows are always skipped.
    allow : integers of shape (a,), or None
        Only these ids may be found. Ids that the index does not hold are ignored.
    deny : integers of shape (d,), or None
        These ids may not be found, even if allowed.

    Returns
    -------
    uint8 array of ceil(rows / 8) bytes, or None
        A bit a row, least significant first: 1 = skip.
    """
    if allow is None and deny is None:
        return ids.blocked
    blocked = np.zeros(ids.rows, dtype=np.bool_)
    if allow is not None:
        rows = ids.find(check_ids(allow, caller))
        blocked[:] = True
        blocked[rows[rows >= 0]] = False
    if deny is not None:
        rows = ids.find(check_ids(deny, caller))
        blocked[rows[rows >= 0]] = True
    packed = np.packbits(blocked, bitorder="little")
    return packed if ids.blocked is None else packed | ids.blocked
