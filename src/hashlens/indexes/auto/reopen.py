"""A saved multi-index, brought up to the codes of today."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.errors import FormatError
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.row_ids import RowIds


def reopen(
    path: str | os.PathLike[str], codes: Codes, denied: npt.ArrayLike | None, source: str
) -> MultiIndex | None:
    """Return the index of a file, made to hold ``codes`` less ``denied``; None where it can't be.

    It can't where the file is missing, damaged, of another source or of other codes.
    """
    try:
        multi = MultiIndex.load(path, source=source)
    except FormatError:
        return None
    held = multi.numbered_rows
    if multi.bits != 8 * codes.shape[1] or held is None or len(held) > len(codes):
        return None
    ids = RowIds(len(codes))
    ids.remove([] if denied is None else denied, "AutoIndex.open")
    wanted = ~ids.removed
    if (wanted[: len(held)] & ~held).any():
        return None
    wanted[: len(held)] |= ~held  # removed before it was saved
    # Explicit ids: an index that dropped its last rows would go on behind the largest it had.
    multi.add(codes[len(held) :], np.arange(len(held), len(codes)))
    multi.remove(np.flatnonzero(~wanted))
    return multi
