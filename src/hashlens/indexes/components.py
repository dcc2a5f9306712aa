"""Groups of codes that chains of near pairs connect, without a list of the pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Codes, Ids, Labels, Rows
from hashlens.codes import check_codes
from hashlens.indexes.arguments import bits_of, check_radius
from hashlens.indexes.base import Index
from hashlens.indexes.pairs import index_for_pairs
from hashlens.native import connected_components

_HUB = 32
"""A code with so many others within the radius is a hub."""
_RESULTS = 500_000
"""Batches of queries shrink where they find more than this many codes."""
_SMALLEST_LIMIT, _LARGEST_LIMIT = 256, 4096
_CELLS = 1 << 28
"""Results of a batch are a table as wide as the longest: batches are limited to about so many cells
if one code finds all others."""
_EDGES = 4_000_000


@dataclass(frozen=True, slots=True)
class Components:
    """The connected components of codes, of which near pairs are the edges.

    Attributes
    ----------
    labels : int64 array of shape (n,)
        Codes of one component share a label. Labels count from 0 in the order of the components'
        first codes.
    widest : int64 array of shape (components,)
        Largest distance, in bits, of the pairs that were looked at in each component: all that lie
        within the radius, unless a code of the component has more than 32 others near.
    """

    labels: Labels
    widest: Labels


def components_within(codes: Codes, radius: int) -> Components:
    """Return the connected components of codes, joined by pairs within ``radius`` bits.

    Parameters
    ----------
    codes : uint8 array of shape (n, bits / 8)
        Equal codes are better given once.
    radius : int
        In bits.

    Returns
    -------
    Components

    Notes
    -----
    Memory follows the number of codes, and so does the number of results: the component of a hub is
    searched breadth first, and its codes leave the index as they are found, so that none is found
    twice. Other codes leave it once they were looked up. Codes are looked up in random order, so
    that a dense component is met while the batches of queries are still small.

    Raises
    ------
    DataError
        If ``codes`` is not an array of packed codes.
    ParameterError
        If ``radius`` is not a non-negative integer.

    Examples
    --------
    >>> codes = np.array([[0b0000], [0b0011], [0b0001], [0b11110000]], dtype=np.uint8)
    >>> found = components_within(codes, radius=1)
    >>> found.labels.tolist(), found.widest.tolist()
    ([0, 0, 0, 1], [1, 0])
    """
    bits = bits_of(codes, "components_within")
    array = check_codes(codes, bits, "components_within")
    search = _Search(array, bits, check_radius(radius, bits, "components_within"))
    return search.run()


class _Search:
    """The state of one search for components."""

    def __init__(self, codes: Codes, bits: int, radius: int) -> None:
        self._codes = codes
        self._radius = radius
        self._index: Index = index_for_pairs(codes, bits, radius)
        self._left = np.ones(len(codes), dtype=np.bool_)  # in the index, not looked up yet
        self._edges = _Edges(len(codes))
        self._widest = np.zeros(len(codes), dtype=np.int64)

    def run(self) -> Components:
        order = np.random.default_rng(0).permutation(len(self._codes))
        start, size = 0, 1
        while start < len(order):
            batch = np.sort(order[start : start + size])
            start += size
            batch = batch[self._left[batch]]
            found, counts = self._look_up(batch)
            self._drop(batch)
            hubs = counts > _HUB
            for near in np.split(found, np.cumsum(counts)[:-1]) if hubs.any() else ():
                if len(near) > _HUB:
                    self._absorb(near)
            size = self._next_size(size, len(found))
        labels = self._edges.components()
        widest = np.zeros(labels.max(initial=-1) + 1, dtype=np.int64)
        np.maximum.at(widest, labels, self._widest)
        return Components(labels, widest)

    def _absorb(self, found: Rows) -> None:
        """Find all that chains connect with some codes, and take it out of the index."""
        frontier = found[self._left[found]]
        self._drop(frontier)
        size = 1
        while len(frontier) and len(self._index):
            batch, frontier = frontier[:size], frontier[size:]
            found, _ = self._look_up(batch)
            fresh = np.unique(found)
            self._drop(fresh)
            frontier = np.concatenate([frontier, fresh])
            size = self._next_size(size, len(found))

    def _look_up(self, rows: Rows) -> tuple[Rows, Ids]:
        """Join rows with all of the index within the radius; return those, and counts by row."""
        if not len(rows) or not len(self._index):
            return np.empty(0, dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
        result = self._index.search_radius(self._codes[rows], self._radius)
        within = np.arange(result.ids.shape[1]) < result.counts[:, None]
        found, counts = result.ids[within], result.counts.astype(np.int64)
        self._edges.add(np.repeat(rows, counts), found)
        self._widest[rows] = result.distances.max(axis=1, initial=0)
        return found, counts

    def _drop(self, rows: Rows) -> None:
        if len(rows):
            self._index.remove(rows)
            self._left[rows] = False

    def _next_size(self, size: int, results: int) -> int:
        if results > _RESULTS:
            return max(1, size // 4)
        if results > _RESULTS // 8:
            return size
        limit = _CELLS // max(1, len(self._index))
        return min(2 * size, max(_SMALLEST_LIMIT, min(limit, _LARGEST_LIMIT)))


class _Edges:
    """Edges of a graph; where there are many, a spanning forest stands for them."""

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._first: list[Rows] = []
        self._second: list[Rows] = []
        self._count = 0

    def add(self, first: Rows, second: Rows) -> None:
        self._first.append(first)
        self._second.append(second)
        self._count += len(first)
        if self._count > _EDGES + self._nodes:
            labels = self.components()
            _, roots = np.unique(labels, return_index=True)
            self._first, self._second = [np.arange(self._nodes)], [roots[labels]]
            self._count = self._nodes

    def components(self) -> Labels:
        none = np.empty(0, dtype=np.int64)
        first, second = (np.concatenate([none, *ends]) for ends in (self._first, self._second))
        return connected_components(self._nodes, first, second)
