"""Distance histograms: the two arrays from which all metrics are computed, exactly under ties.

For each query, ``total[d]`` counts the database items at distance ``d`` and ``relevant[d]`` the
relevant ones among them. The order of items at the same distance is not recorded, so no metric can
depend on the order in which a database is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Codes, Counts
from hashlens.codes import bytes_per_code, check_codes
from hashlens.errors import DataError
from hashlens.labels import check_any_labels, label_set
from hashlens.native import label_histograms

_Side = tuple[Codes, AnyLabels]


@dataclass(frozen=True, slots=True, eq=False)
class DistanceHistograms:
    """The number of items, and of relevant ones, at each distance from each query.

    Attributes
    ----------
    total : int64 array of shape (queries, levels)
        Number of database items at each distance level, nearest level first. For Hamming distance,
        level d is d bits and there are ``bits + 1`` levels.
    relevant : int64 array of shape (queries, levels)
        Number of relevant items among them.

    Raises
    ------
    DataError
        If the shapes differ or are empty, or a count is impossible.

    Examples
    --------
    >>> histograms = DistanceHistograms(total=[[1, 3, 0]], relevant=[[1, 1, 0]])
    >>> histograms.database_sizes, histograms.relevant_sizes
    (array([4]), array([2]))
    """

    total: Counts
    relevant: Counts

    def __post_init__(self) -> None:
        total = np.ascontiguousarray(self.total, dtype=np.int64)
        relevant = np.ascontiguousarray(self.relevant, dtype=np.int64)
        if total.ndim != 2 or total.shape != relevant.shape or 0 in total.shape:
            raise DataError(
                "Distance histograms expect two arrays of one shape (queries, levels), neither "
                f"zero. Got total {total.shape} and relevant {relevant.shape}."
            )
        if (relevant < 0).any() or (relevant > total).any():
            raise DataError(
                "Distance histograms expect 0 <= relevant <= total at every query and distance."
            )
        object.__setattr__(self, "total", total)
        object.__setattr__(self, "relevant", relevant)

    @property
    def database_sizes(self) -> Counts:
        """The number of items that each query is compared with, shape (queries,)."""
        return np.asarray(self.total.sum(axis=1))

    @property
    def relevant_sizes(self) -> Counts:
        """The number of relevant items of each query, shape (queries,)."""
        return np.asarray(self.relevant.sum(axis=1))

    @classmethod
    def from_distances(
        cls, distances: npt.ArrayLike, relevant: npt.ArrayLike, levels: int | None = None
    ) -> DistanceHistograms:
        """Count explicit distances, for any distance and any definition of relevance.

        Parameters
        ----------
        distances : int array of shape (queries, items)
            Distance levels from 0. Real-valued distances are first replaced by their rank among
            the distinct values.
        relevant : bool array of shape (queries, items)
            Whether an item is relevant to a query, by any rule.
        levels : int, optional
            Number of levels; by default, one more than the largest distance.

        Examples
        --------
        >>> DistanceHistograms.from_distances([[0, 2, 2]], [[True, False, True]]).total
        array([[1, 0, 2]])
        """
        rows = np.asarray(distances)
        is_relevant = np.asarray(relevant)
        if rows.ndim != 2 or rows.dtype.kind not in "iu" or is_relevant.shape != rows.shape:
            raise DataError(
                "from_distances expects integer distances and booleans of one shape (queries, "
                f"items). Got {rows.dtype} {rows.shape} and {is_relevant.shape}."
            )
        if rows.size == 0 or rows.min() < 0:
            raise DataError("from_distances expects at least one distance, none of them negative.")
        width = int(rows.max()) + 1 if levels is None else levels
        if rows.max() >= width:
            raise DataError(f"A distance of {rows.max()} does not fit {width} levels.")
        cell = (np.arange(len(rows), dtype=np.int64)[:, None] * width + rows).ravel()
        size = len(rows) * width
        hits = cell[is_relevant.astype(bool, copy=False).ravel()]
        return cls(
            np.bincount(cell, minlength=size).reshape(-1, width),
            np.bincount(hits, minlength=size).reshape(-1, width),
        )


def hamming_histograms(
    query_codes: Codes,
    query_labels: npt.ArrayLike,
    database_codes: Codes,
    database_labels: npt.ArrayLike,
    bits: int,
    threads: int | None = None,
) -> DistanceHistograms:
    """Count database items of each query by Hamming distance; equal labels are relevant.

    Images with several labels are relevant if they share one. 10,000 queries against 50,000 codes
    take seconds.

    Parameters
    ----------
    query_codes, database_codes : uint8 arrays of shape (queries, bytes) and (items, bytes)
        Packed codes of ``bits`` bits.
    query_labels, database_labels : int arrays of shape (queries,) and (items,)
        Or tables of labels, 0 and 1, of shape (queries, C) and (items, C).
    bits : int
        Code length. If it is not a multiple of 8, the remaining bits must be 0.
    threads : int, optional
        By default ``HASHLENS_THREADS``, else all cores.

    Raises
    ------
    DataError
        If codes or labels do not fit each other or ``bits``.

    Examples
    --------
    >>> from hashlens.codes import pack
    >>> database = pack([[0] * 8, [1] + [0] * 7, [1] + [0] * 7])
    >>> histograms = hamming_histograms(database[:1], [7], database, [7, 7, 5], bits=8)
    >>> histograms.total[0, :3], histograms.relevant[0, :3]
    (array([1, 2, 0]), array([1, 1, 0]))
    """
    queries = _check_side(query_codes, query_labels, bits, "query")
    database = _check_side(database_codes, database_labels, bits, "database")
    if queries[1].shape[1:] != database[1].shape[1:]:
        raise DataError(
            "Queries and database must have the same form of labels: integers, or tables with the "
            f"same columns. Got the shapes {queries[1].shape} and {database[1].shape}."
        )
    count = _count_sets if queries[1].ndim == 2 else _count
    total, relevant = count(queries, database, bits, threads)
    return DistanceHistograms(total, relevant)


def _count(
    queries: _Side, database: _Side, bits: int, threads: int | None
) -> tuple[Counts, Counts]:
    # The kernel counts whole bytes; the zero bits after a shorter code never differ.
    total, relevant = label_histograms(
        queries[0], database[0], queries[1], database[1], 8 * bytes_per_code(bits), threads
    )
    return total[:, : bits + 1].astype(np.int64), relevant[:, : bits + 1].astype(np.int64)


def _count_sets(
    queries: _Side, database: _Side, bits: int, threads: int | None
) -> tuple[Counts, Counts]:
    """Count for the queries of each set of labels in turn."""
    codes, labels = queries
    total, relevant = np.empty((2, len(codes), bits + 1), np.int64)
    packed = np.packbits(labels, axis=1)
    _, firsts, of_query = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    of_query = of_query.ravel()
    for number, first in enumerate(firsts):
        rows = np.flatnonzero(of_query == number)
        hits = np.asarray(database[1][:, label_set(labels, first)].any(axis=1))
        asked = codes[rows], np.ones(len(rows), np.int64)
        total[rows], relevant[rows] = _count(asked, (database[0], hits), bits, threads)
    return total, relevant


def _check_side(codes: Codes, labels: npt.ArrayLike, bits: int, side: str) -> _Side:
    """Return the codes and labels of one side, after checking that they fit."""
    packed = check_codes(codes, bits, f"The {side} side")
    array = np.asarray(labels)
    if array.ndim == 2 and len(packed):
        return packed, check_any_labels(array, len(packed), f"The {side} side")
    if array.shape != (len(packed),) or array.dtype.kind not in "iub":
        raise DataError(
            f"The {side} side has {len(packed)} codes and expects as many integer labels, shape "
            f"({len(packed)},). Got dtype {array.dtype}, shape {array.shape} instead."
        )
    if len(packed) == 0:
        raise DataError(f"The {side} side holds no codes: there is nothing to evaluate.")
    return packed, np.ascontiguousarray(array, dtype=np.int64)
