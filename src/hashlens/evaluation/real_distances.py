"""Evaluation of rankings by a real-valued distance: float descriptors, spherical distance.

The metrics are those of codes, exact under ties: duplicate images tie by float descriptors, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Counts, Doubles, Vectors
from hashlens.codes import check_codes, unpack
from hashlens.errors import DataError
from hashlens.evaluation.histograms import DistanceHistograms
from hashlens.evaluation.retrieval import Evaluation, evaluate_histograms

QUERIES_PER_BLOCK = 256
"""Number of queries whose distances are in memory at a time (50 MB for 50,000 items)."""

Blocks = Iterator[tuple[int, npt.NDArray[Any]]]


def evaluate_vectors(
    query_vectors: npt.ArrayLike,
    query_labels: npt.ArrayLike,
    database_vectors: npt.ArrayLike,
    database_labels: npt.ArrayLike,
    k: int = 5,
) -> Evaluation:
    """Score the exact ranking of float vectors by cosine similarity; equal labels are relevant.

    It is the upper bound for codes of these vectors. For vectors of unit length, the ranking is
    that of Euclidean distance.

    Parameters
    ----------
    query_vectors, database_vectors : float arrays of shape (queries, D) and (items, D)
    query_labels, database_labels : int arrays of shape (queries,) and (items,)
    k : int

    Returns
    -------
    Evaluation
        Without curves over radii.

    Raises
    ------
    DataError
        If shapes do not fit, or a vector is zero or not finite.

    Examples
    --------
    >>> database = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]
    >>> evaluate_vectors([[1.0, 0.1]], [0], database, [0, 1, 0], k=2).precision.expected
    0.5
    """
    queries = _unit_rows(query_vectors, "query")
    database = _unit_rows(database_vectors, "database")
    if queries.shape[1] != database.shape[1]:
        raise DataError(
            f"Queries have {queries.shape[1]} dimensions, the database {database.shape[1]}. "
            "Expected vectors of the same descriptor."
        )

    def blocks() -> Blocks:
        for start in range(0, len(queries), QUERIES_PER_BLOCK):
            yield start, -(queries[start : start + QUERIES_PER_BLOCK] @ database.T)

    return _evaluate(blocks, query_labels, len(queries), database_labels, len(database), k)


def evaluate_spherical(
    query_codes: Codes,
    query_labels: npt.ArrayLike,
    database_codes: Codes,
    database_labels: npt.ArrayLike,
    bits: int,
    k: int = 5,
) -> Evaluation:
    """Score the ranking of codes by spherical Hamming distance; equal labels are relevant.

    It is the number of bits that differ, divided by the number of bits that are 1 in both codes;
    infinite if there are none. It is meant for codes whose bits are 1 inside of a sphere.

    Parameters
    ----------
    query_codes, database_codes : uint8 arrays of shape (queries, bytes) and (items, bytes)
    query_labels, database_labels : int arrays of shape (queries,) and (items,)
    bits, k : int

    References
    ----------
    Heo, Lee, He, Chang, Yoon, "Spherical hashing", CVPR 2012, section 3.2.

    Examples
    --------
    Both items differ from the query in one bit; the second shares more ones with it.

    >>> from hashlens.codes import pack
    >>> query = pack([[1, 1, 1, 0, 0, 0, 0, 0]])
    >>> database = pack([[1, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]])
    >>> evaluate_spherical(query, [0], database, [1, 0], bits=8, k=1).precision.expected
    1.0
    """
    queries = unpack(check_codes(query_codes, bits, "The query side"), bits).astype(np.float32)
    database = unpack(check_codes(database_codes, bits, "The database side"), bits)
    database = database.astype(np.float32)
    on = database.sum(axis=1)

    def blocks() -> Blocks:
        for start in range(0, len(queries), QUERIES_PER_BLOCK):
            block = queries[start : start + QUERIES_PER_BLOCK]
            # Counts of bits are exact in float32, and equal ratios have equal rounded quotients.
            common = block @ database.T
            different = block.sum(axis=1)[:, None] + on - 2 * common
            infinite = np.full(common.shape, np.inf, dtype=np.float32)
            yield start, np.divide(different, common, out=infinite, where=common > 0)

    return _evaluate(blocks, query_labels, len(queries), database_labels, len(database), k)


def _unit_rows(vectors: npt.ArrayLike, side: str) -> Vectors:
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or 0 in array.shape:
        raise DataError(f"The {side} vectors must have the shape (n, D). Got {array.shape}.")
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or (norms == 0).any():
        raise DataError(f"The {side} vectors must be finite and not zero.")
    return np.asarray(array / norms)


def _evaluate(
    blocks: Callable[[], Blocks],
    query_labels: npt.ArrayLike,
    queries: int,
    database_labels: npt.ArrayLike,
    items: int,
    k: int,
) -> Evaluation:
    """Compute one histogram per query from blocks of distances, and score them."""
    asked, held = np.asarray(query_labels), np.asarray(database_labels)
    if asked.shape != (queries,) or held.shape != (items,):
        raise DataError(
            f"Expected {queries} query labels and {items} database labels. "
            f"Got the shapes {asked.shape} and {held.shape} instead."
        )
    rows: list[tuple[Counts, Counts]] = []
    tied: list[int] = []
    for start, distances in blocks():
        for row, label in zip(distances, asked[start : start + len(distances)], strict=True):
            ordered = np.sort(row)
            rows.append(level_histogram(ordered, row[held == label]))
            place = ordered[min(k, items) - 1 : min(k, items)]
            tied.append(int(_count_equal(ordered, place)[0]))
    result = evaluate_histograms(stack_histograms(rows), k)
    return replace(result, tied_at_k=float(np.mean(tied)), curves=None)


def level_histogram(ordered: Doubles, relevant: Doubles) -> tuple[Counts, Counts]:
    """Return the histogram of one query, with adjacent levels of irrelevant items merged.

    Merging them changes no metric, because their order does not matter, and makes the histogram
    about as short as the list of relevant items: gap, level, gap, level, ..., gap.
    """
    values, hits = np.unique(relevant, return_counts=True)
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    ends = np.concatenate([[0], right])
    total = np.empty(2 * len(values) + 1, dtype=np.int64)
    total[0::2] = np.append(left, len(ordered)) - ends
    total[1::2] = right - left
    relevant_total = np.zeros_like(total)
    relevant_total[1::2] = hits
    return total, relevant_total


def _count_equal(ordered: Doubles, values: Doubles) -> Counts:
    left = np.searchsorted(ordered, values, side="left")
    return np.asarray(np.searchsorted(ordered, values, side="right") - left)


def stack_histograms(rows: list[tuple[Counts, Counts]]) -> DistanceHistograms:
    """Return histograms of different lengths as one object, padded with empty levels."""
    levels = max(len(total) for total, _ in rows)
    total = np.zeros((len(rows), levels), dtype=np.int64)
    relevant = np.zeros_like(total)
    for row, (counts, hits) in enumerate(rows):
        total[row, : len(counts)] = counts
        relevant[row, : len(hits)] = hits
    return DistanceHistograms(total, relevant)
