"""Restricting a search to some ids."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Bytes, Rows
from hashlens.indexes.arguments import check_ids
from hashlens.indexes.bitmap import bytes_for, set_bits
from hashlens.indexes.row_ids import RowIds


def allowed_rows(
    ids: RowIds, allow: npt.ArrayLike, deny: npt.ArrayLike | None, caller: str
) -> Rows:
    """Return the rows that a filter allows, in ascending order."""
    rows = np.unique(ids.find(check_ids(allow, caller)))
    if deny is not None:
        rows = np.setdiff1d(rows, ids.find(check_ids(deny, caller)))
    return rows[rows >= 0]


def blocked_rows(
    ids: RowIds, allow: npt.ArrayLike | None, deny: npt.ArrayLike | None, caller: str
) -> Bytes | None:
    """Return the rows that a search must skip, or None if it may find all.

    Parameters
    ----------
    ids : RowIds
        The ids of the index. Removed rows are always skipped.
    allow : integers of shape (a,), or None
        Only these ids may be found. Ids that the index does not hold are ignored.
    deny : integers of shape (d,), or None
        These ids may not be found, even if allowed.

    Returns
    -------
    uint8 array of ceil(rows / 8) bytes, or None
        One bit per row, least significant bit first: 1 = skip.
    """
    if allow is None and deny is None:
        return ids.blocked
    if allow is None and ids.blocked is not None:
        blocked = ids.blocked.copy()
    else:
        blocked = np.zeros(bytes_for(ids.rows), dtype=np.uint8)
    if allow is not None:  # `find` returns no removed rows
        set_bits(blocked, ids.find(check_ids(allow, caller)), ids.rows)
        np.invert(blocked, out=blocked)
    if deny is not None:
        set_bits(blocked, ids.find(check_ids(deny, caller)), ids.rows)
    return blocked
