"""Precision and recall under ties: at k, within a radius, and along all radii.

Learned codes collapse, so hundreds of items may be at the same distance as the k-th neighbor. A
metric that takes them in storage order depends on the storage. These metrics are exact expectations
over all orders of tied items, along with the worst and the best order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Counts, Doubles
from hashlens.errors import ParameterError
from hashlens.evaluation.histograms import DistanceHistograms


@dataclass(frozen=True, slots=True, eq=False)
class TiedScores:
    """A metric by query under ties, in [0, 1]; NaN if it is undefined for a query.

    Attributes
    ----------
    expected : float64 array of shape (queries,)
        Expectation over all orders of tied items.
    low, high : float64 arrays of shape (queries,)
        The worst and the best order: relevant items last, or first, in each tie.
    """

    expected: Doubles
    low: Doubles
    high: Doubles


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """The distance level d* of each query's k-th neighbor.

    Attributes
    ----------
    before, relevant_before : int64 arrays of shape (queries,)
        N(d* − 1) and N⁺(d* − 1): number of items, and of relevant ones, nearer than d*.
    tied, relevant_tied : int64 arrays of shape (queries,)
        n(d*) and n⁺(d*): number of items, and of relevant ones, exactly at d*.
    open_places : int64 array of shape (queries,)
        k − N(d* − 1): number of tied items among the k nearest.
    level : int64 array of shape (queries,)
        d* itself.
    """

    before: Counts
    relevant_before: Counts
    tied: Counts
    relevant_tied: Counts
    open_places: Counts
    level: Counts


def boundary_at_k(histograms: DistanceHistograms, k: int) -> Boundary:
    """Return the counts at the k-th neighbor of each query.

    Raises
    ------
    ParameterError
        If ``k`` is below 1 or above the size of the database.
    """
    smallest = int(histograms.database_sizes.min())
    if not 1 <= k <= smallest:
        raise ParameterError(
            f"The 'k' parameter must be between 1 and the {smallest} items of the database. "
            f"Got {k!r} instead."
        )
    cumulative = np.cumsum(histograms.total, axis=1)
    level = np.argmax(cumulative >= k, axis=1)
    rows = np.arange(len(level))
    tied = histograms.total[rows, level]
    relevant_tied = histograms.relevant[rows, level]
    before = cumulative[rows, level] - tied
    relevant_before = np.cumsum(histograms.relevant, axis=1)[rows, level] - relevant_tied
    return Boundary(before, relevant_before, tied, relevant_tied, k - before, level)


def precision_at_k(histograms: DistanceHistograms, k: int) -> TiedScores:
    """Return the share of relevant items among the ``k`` nearest, ties in random order.

    If d* is the smallest distance with N(d*) ≥ k items at or below it,

        E[P@k] = [N⁺(d* − 1) + (k − N(d* − 1)) · n⁺(d*) / n(d*)] / k.

    Parameters
    ----------
    histograms : DistanceHistograms
    k : int
        Between 1 and the size of the database.

    Examples
    --------
    A relevant item is nearest; three more tie for the second place, one of them relevant.

    >>> scores = precision_at_k(DistanceHistograms([[1, 3]], [[1, 1]]), k=2)
    >>> scores.low, scores.expected, scores.high
    (array([0.5]), array([0.66666667]), array([1.]))
    """
    at = boundary_at_k(histograms, k)
    irrelevant_tied = at.tied - at.relevant_tied
    expected = at.relevant_before + at.open_places * at.relevant_tied / at.tied
    low = at.relevant_before + np.maximum(0, at.open_places - irrelevant_tied)
    high = at.relevant_before + np.minimum(at.open_places, at.relevant_tied)
    return TiedScores(expected / k, low / k, high / k)


def recall_at_k(histograms: DistanceHistograms, k: int) -> TiedScores:
    """Return the share of relevant items that are among the ``k`` nearest; NaN if there are none.

    Examples
    --------
    >>> recall_at_k(DistanceHistograms([[1, 3]], [[1, 1]]), k=2).expected
    array([0.66666667])
    """
    precision = precision_at_k(histograms, k)
    sizes = histograms.relevant_sizes
    factor = np.divide(k, sizes, out=np.full(len(sizes), np.nan), where=sizes > 0)
    return TiedScores(precision.expected * factor, precision.low * factor, precision.high * factor)


@dataclass(frozen=True, slots=True, eq=False)
class RadiusCurves:
    """Precision and recall within each Hamming radius, over all queries. Radii have no ties.

    Attributes
    ----------
    precision : float64 array of shape (levels,)
        Mean precision within radius r. A query that finds nothing has precision 0, as is usual in
        the field.
    precision_of_found : float64 array of shape (levels,)
        Share of relevant items among all items that all queries find within radius r (pooled); NaN
        if no query finds any.
    recall : float64 array of shape (levels,)
        Mean share of a query's relevant items within radius r, over queries that have any.
    empty : float64 array of shape (levels,)
        Share of queries that find nothing within radius r.
    """

    precision: Doubles
    precision_of_found: Doubles
    recall: Doubles
    empty: Doubles


def radius_curves(histograms: DistanceHistograms) -> RadiusCurves:
    """Return precision and recall within each radius, from 0 to the largest distance.

    Examples
    --------
    >>> curves = radius_curves(DistanceHistograms([[0, 2, 2]], [[0, 2, 0]]))
    >>> curves.precision, curves.recall, curves.empty
    (array([0. , 1. , 0.5]), array([0., 1., 1.]), array([1., 0., 0.]))
    """
    found = np.cumsum(histograms.total, axis=1)
    hits = np.cumsum(histograms.relevant, axis=1)
    each = np.divide(hits, found, out=np.zeros(found.shape), where=found > 0)
    pooled_found, pooled_hits = found.sum(axis=0), hits.sum(axis=0)
    pooled = np.divide(
        pooled_hits, pooled_found, out=np.full(len(pooled_found), np.nan), where=pooled_found > 0
    )
    sizes = histograms.relevant_sizes
    answerable = sizes > 0
    recall = hits[answerable] / sizes[answerable, None]
    return RadiusCurves(
        precision=each.mean(axis=0),
        precision_of_found=pooled,
        recall=recall.mean(axis=0) if len(recall) else np.full(found.shape[1], np.nan),
        empty=(found == 0).mean(axis=0),
    )


def precision_within_radius(histograms: DistanceHistograms, radius: int = 2) -> Doubles:
    """Return the precision of each query within ``radius``; 0 if it finds nothing.

    Raises
    ------
    ParameterError
        If ``radius`` is not a level of the histograms.

    Examples
    --------
    >>> precision_within_radius(DistanceHistograms([[0, 1, 3, 9]], [[0, 1, 1, 0]]), radius=2)
    array([0.5])
    """
    levels = histograms.total.shape[1]
    if not 0 <= radius < levels:
        raise ParameterError(
            f"The 'radius' parameter must be between 0 and {levels - 1} bits. Got {radius!r}."
        )
    found = histograms.total[:, : radius + 1].sum(axis=1)
    hits = histograms.relevant[:, : radius + 1].sum(axis=1)
    return np.asarray(np.divide(hits, found, out=np.zeros(len(found)), where=found > 0))
