"""All pairs of codes within a radius: near-duplicates, and graphs over a whole collection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.codes import Codes, check_codes
from hashlens.errors import DataError
from hashlens.indexes.base import check_radius
from hashlens.indexes.linear import LinearIndex

_QUERIES_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows whose codes are near each other, ordered by (first, second).

    Attributes
    ----------
    first, second : int64 arrays of shape (pairs,)
        Row numbers, first < second.
    distances : int32 array of shape (pairs,), in bits
    """

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.first)


def pairs_within(codes: Codes, radius: int) -> Pairs:
    """Return every pair of rows whose codes differ in at most ``radius`` bits.

    Parameters
    ----------
    codes : uint8 array of shape (n, bits / 8)
    radius : int
        Largest distance of a pair, in bits; 0 gives the pairs of equal codes.

    Returns
    -------
    Pairs
        A group of g equal codes alone makes g (g − 1) / 2 pairs.

    Raises
    ------
    DataError
        If ``codes`` is no array of packed codes.
    ParameterError
        If ``radius`` is not a non-negative integer.

    Examples
    --------
    >>> codes = np.array([[0b0000], [0b1111], [0b0001]], dtype=np.uint8)
    >>> pairs = pairs_within(codes, radius=1)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.distances.tolist()
    ([0], [2], [1])
    """
    array = np.asarray(codes)
    if array.ndim != 2:
        raise DataError(f"pairs_within expects codes of shape (n, bits / 8). Got {array.shape}.")
    bits = 8 * array.shape[1]
    array = check_codes(array, bits, "pairs_within")
    reach = check_radius(radius, bits, "pairs_within")
    index = LinearIndex.from_codes(array)
    parts = [
        _later_rows(index, array, start, reach) for start in range(0, len(array), _QUERIES_AT_ONCE)
    ]
    if not parts:
        empty = np.empty(0, dtype=np.int64)
        return Pairs(empty, empty, np.empty(0, dtype=np.int32))
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _later_rows(
    index: LinearIndex, codes: Codes, start: int, radius: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return the pairs whose first row is one of the ``_QUERIES_AT_ONCE`` from ``start``."""
    queries = codes[start : start + _QUERIES_AT_ONCE]
    result = index.search_radius(queries, radius)
    first = np.broadcast_to(np.arange(start, start + len(queries))[:, None], result.ids.shape)
    later = result.ids > first
    first, second, distances = first[later], result.ids[later], result.distances[later]
    order = np.lexsort((second, first))
    return first[order], second[order], distances[order]
