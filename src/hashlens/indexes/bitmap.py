"""Sets of rows as bits: one per row, least significant bit first."""

from __future__ import annotations

import numpy as np

from hashlens.arrays import Bytes, Mask, Rows

_FEW = 16
"""If fewer than one row in this many is marked, bits are set one by one, without a byte per row."""


def bytes_for(rows: int) -> int:
    """Return the number of bytes that a bit per row takes."""
    return (rows + 7) // 8


def set_bits(bits: Bytes, rows: Rows, count: int) -> None:
    """Set the bits of ``rows`` among ``count``; rows of −1 are ignored."""
    rows = rows[rows >= 0]
    if _FEW * len(rows) < count:
        np.bitwise_or.at(bits, rows >> 3, (1 << (rows & 7)).astype(np.uint8))
        return
    mask = np.zeros(count, dtype=np.bool_)
    mask[rows] = True
    bits[: bytes_for(count)] |= np.packbits(mask, bitorder="little")


def bits_of_rows(bits: Bytes, rows: Rows) -> Mask:
    """Return whether the bit of each row is set."""
    shifts = (rows & 7).astype(np.uint8)
    return np.asarray(bits[rows >> 3] >> shifts & 1, dtype=np.bool_)
