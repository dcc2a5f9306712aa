"""Search by codes and re-rank the candidates by their descriptors: equation (1) of the paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Codes, Labels, Vectors
from hashlens.codes import check_codes, unpack
from hashlens.errors import DataError, ParameterError
from hashlens.evaluation.precision import precision_at_k
from hashlens.evaluation.real_distances import level_histogram, stack_histograms
from hashlens.evaluation.retrieval import TiedMean

QUERIES_PER_BLOCK = 256


@dataclass(frozen=True, slots=True)
class SearchSide:
    """One side of a search: queries or database.

    Attributes
    ----------
    codes : uint8 array of shape (n, bytes)
    descriptors : float32 array of shape (n, D)
    labels : int64 array of shape (n,)
    """

    codes: Codes
    descriptors: Vectors
    labels: Labels


@dataclass(frozen=True, slots=True)
class Reranked:
    """The precision after re-ranking.

    Attributes
    ----------
    precision : TiedMean
        Precision at k of the re-ranked candidates, averaged over queries.
    candidates : float
        Average number of candidates, ties included.
    """

    precision: TiedMean
    candidates: float


def evaluate_reranked(
    queries: SearchSide, database: SearchSide, bits: int, candidates: int, k: int = 5
) -> Reranked:
    """Score the nearest codes, ordered by the Euclidean distance of their descriptors.

    Candidates are the ``candidates`` nearest codes *and all that tie with the last of them*, so
    that the choice does not depend on storage order.

    Parameters
    ----------
    queries, database : SearchSide
        Items with the label of the query are relevant.
    bits : int
    candidates : int
        Between ``k`` and the size of the database.
    k : int

    Raises
    ------
    ParameterError
        If ``candidates`` is out of range.
    DataError
        If codes, descriptors or labels do not fit each other.

    Examples
    --------
    Both items tie by code; the descriptor decides which one is nearer.

    >>> codes = np.zeros((2, 1), dtype=np.uint8)
    >>> query = SearchSide(codes[:1], np.array([[0.9]], np.float32), np.array([1]))
    >>> database = SearchSide(codes, np.array([[0.0], [1.0]], np.float32), np.array([0, 1]))
    >>> evaluate_reranked(query, database, bits=8, candidates=1, k=1)
    Reranked(precision=TiedMean(expected=1.0, low=1.0, high=1.0), candidates=2.0)
    """
    _check(queries, database, bits)
    if not 1 <= k <= candidates <= len(database.codes):
        raise ParameterError(
            f"The 'candidates' parameter must be between k = {k} and the {len(database.codes)} "
            f"items of the database. Got {candidates!r} instead."
        )
    signs = 2 * unpack(database.codes, bits).astype(np.float32) - 1
    rows, counts = [], []
    for start in range(0, len(queries.codes), QUERIES_PER_BLOCK):
        block = slice(start, start + QUERIES_PER_BLOCK)
        # The inner product of two ±1 codes is bits − 2·distance, exactly.
        similar = (2 * unpack(queries.codes[block], bits).astype(np.float32) - 1) @ signs.T
        for row, descriptor, label in zip(
            similar, queries.descriptors[block], queries.labels[block], strict=True
        ):
            last = -np.partition(-row, candidates - 1)[candidates - 1]
            chosen = np.flatnonzero(row >= last)
            gaps = np.linalg.norm(database.descriptors[chosen] - descriptor, axis=1)
            rows.append(level_histogram(np.sort(gaps), gaps[database.labels[chosen] == label]))
            counts.append(len(chosen))
    scores = precision_at_k(stack_histograms(rows), k)
    means = (float(part.mean()) for part in (scores.expected, scores.low, scores.high))
    return Reranked(TiedMean(*means), float(np.mean(counts)))


def _check(queries: SearchSide, database: SearchSide, bits: int) -> None:
    for side, items in (("query", queries), ("database", database)):
        count = len(check_codes(items.codes, bits, f"The {side} side"))
        if len(items.descriptors) != count or items.labels.shape != (count,) or count == 0:
            raise DataError(
                f"The {side} side has {count} codes and expects as many descriptors and labels, "
                f"at least one. Got {items.descriptors.shape} and {items.labels.shape} instead."
            )
    if queries.descriptors.shape[1:] != database.descriptors.shape[1:]:
        raise DataError("Queries and database have descriptors of different dimensions.")
