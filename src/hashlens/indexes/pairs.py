"""All pairs of codes within a radius, for near-duplicates and for graphs over a collection."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from hashlens.arrays import Codes, Distances, Rows
from hashlens.codes import check_codes
from hashlens.indexes.arguments import bits_of, check_radius
from hashlens.indexes.auto.forecast import probes_within
from hashlens.indexes.base import Index
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.multi_index_state import table_layout
from hashlens.native import COSTS

Columns: TypeAlias = tuple[Rows, Rows, Distances]

_QUERIES_AT_ONCE = 4096
_WORTH_AN_INDEX = 4096
_MAX_TABLES = 8


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows with codes near each other, ordered by (first, second).

    Attributes
    ----------
    first, second : int64 arrays of shape (pairs,)
        Row numbers, first < second.
    distances : int32 array of shape (pairs,), in bits
    """

    first: Rows
    second: Rows
    distances: Distances

    def __len__(self) -> int:
        return len(self.first)


def pairs_within(codes: Codes, radius: int) -> Pairs:
    """Return every pair of rows whose codes differ in at most ``radius`` bits.

    Parameters
    ----------
    codes : uint8 array of shape (n, bits / 8)
    radius : int
        Largest distance within a pair, in bits; 0 gives the pairs of equal codes.

    Returns
    -------
    Pairs
        A group of g equal codes alone gives g (g − 1) / 2 pairs.

    Notes
    -----
    Each distinct code is looked up in a `MultiIndex` of all. For n codes that are not clustered,
    time is almost linear in n if a code has radius + 1 substrings of log2(n) bits, grows with a
    power of n between 1 and 2 at larger radii, and with n² once half of the bits may differ. The
    pairs have to be listed as well; in clustered codes their number grows with n².

    Raises
    ------
    DataError
        If ``codes`` is not an array of packed codes.
    ParameterError
        If ``radius`` is not a non-negative integer.

    Examples
    --------
    >>> codes = np.array([[0b0000], [0b1111], [0b0001]], dtype=np.uint8)
    >>> pairs = pairs_within(codes, radius=1)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.distances.tolist()
    ([0], [2], [1])
    """
    bits = bits_of(codes, "pairs_within")
    array = check_codes(codes, bits, "pairs_within")
    reach = check_radius(radius, bits, "pairs_within")
    distinct = _Distinct(array)
    parts = [distinct.equal_pairs()]
    parts += [distinct.pairs_of(*found) for found in _near_codes(distinct.codes, bits, reach)]
    first, second, distances = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(first * len(array) + second)
    return Pairs(first[order], second[order], distances[order])


class _Distinct:
    """The distinct codes of an array, and the rows of each."""

    def __init__(self, codes: Codes) -> None:
        rows = np.ascontiguousarray(codes).view(np.dtype((np.void, codes.shape[1])))[:, 0]
        _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
        self.codes = codes[first]
        self._rows = np.argsort(inverse, kind="stable")
        self._counts = np.bincount(inverse, minlength=len(first))
        self._starts = np.cumsum(self._counts) - self._counts

    def equal_pairs(self) -> Columns:
        """Return the pairs of rows with equal codes."""
        # The p-th row of a group makes a pair with each of the p rows before it.
        place = np.arange(len(self._rows)) - np.repeat(self._starts, self._counts)
        second = np.repeat(np.arange(len(self._rows)), place)
        number = np.arange(len(second)) - np.repeat(np.cumsum(place) - place, place)
        first = second - place[second] + number
        distances = np.zeros(len(second), dtype=np.int32)
        return self._rows[first], self._rows[second], distances

    def pairs_of(self, a: Rows, b: Rows, distances: Distances) -> Columns:
        """Return the pairs of rows, smaller first, of pairs (a, b) of distinct codes."""
        sizes = self._counts[a] * self._counts[b]
        pair = np.repeat(np.arange(len(a)), sizes)
        number = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        widths = self._counts[b][pair]
        rows_a = self._rows[self._starts[a][pair] + number // widths]
        rows_b = self._rows[self._starts[b][pair] + number % widths]
        return np.minimum(rows_a, rows_b), np.maximum(rows_a, rows_b), distances[pair]


def _near_codes(codes: Codes, bits: int, radius: int) -> Iterator[Columns]:
    """Yield the pairs of rows of distinct ``codes`` that lie within the radius."""
    index = index_for_pairs(codes, bits, radius)
    for start in range(0, len(codes), _QUERIES_AT_ONCE):
        queries = codes[start : start + _QUERIES_AT_ONCE]
        result = index.search_radius(queries, radius)
        first = np.broadcast_to(np.arange(start, start + len(queries))[:, None], result.ids.shape)
        later = result.ids > first
        yield first[later], result.ids[later], result.distances[later]


def index_for_pairs(codes: Codes, bits: int, radius: int) -> Index:
    """Return an index of codes, by row number, that finds those within a radius of each fast."""
    if len(codes) < _WORTH_AN_INDEX:
        return LinearIndex.from_codes(codes)
    index = MultiIndex(bits, tables=tables_for(bits, len(codes), radius))
    index.add(codes)
    return index


def tables_for(bits: int, rows: int, radius: int) -> int:
    """Return the number of tables that finds all codes within a radius fastest.

    With radius + 1 substrings, near codes agree in one of them, so one lookup per table is enough.
    But the more substrings, the shorter they are, and the fuller their buckets. The number returned
    has the lowest total cost for codes that are not clustered.
    """

    def cost(tables: int) -> float:
        _, key_bits = table_layout(bits, rows, tables)
        bucket = rows / 2.0**key_bits
        found = COSTS.probe + min(bucket, 1.0) * COSTS.bucket + bucket * COSTS.row * (bits // 8)
        return probes_within(radius, tables, key_bits) * found

    return min(range(1, min(_MAX_TABLES, bits // 8) + 1), key=cost)
