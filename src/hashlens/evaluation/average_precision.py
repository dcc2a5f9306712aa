"""Average precision under ties, of the whole ranking or at k; names state the denominator.

References
----------
He, Cakir, Bargal, Sclaroff, "Hashing as tie-aware learning to rank", CVPR 2018, arXiv 1705.08562.
Deviation: closed forms with harmonic numbers replace the inner sum over the places of a tie.
"""

from __future__ import annotations

import numpy as np

from hashlens.arrays import Counts, Doubles
from hashlens.errors import ParameterError
from hashlens.evaluation.histograms import DistanceHistograms
from hashlens.evaluation.precision import TiedScores, boundary_at_k


def average_precision(histograms: DistanceHistograms) -> TiedScores:
    """Return the average precision of the whole ranking, with tied items in random order.

    (1/N⁺) Σ_d (n⁺_d/n_d) Σ_{j=1..n_d} [N⁺_{d−1} + 1 + (j−1)(n⁺_d−1)/(n_d−1)] / (N_{d−1}+j), where
    the last fraction of the numerator is 0 if n_d = 1. NaN for a query without relevant items.

    Examples
    --------
    >>> scores = average_precision(DistanceHistograms([[2]], [[1]]))
    >>> scores.low, scores.expected, scores.high
    (array([0.5]), array([0.75]), array([1.]))
    """
    largest = int(histograms.database_sizes.max())
    return _divided(_precision_sums(histograms, largest), histograms.relevant_sizes)


def average_precision_at_k_over_relevant(histograms: DistanceHistograms, k: int) -> TiedScores:
    """Return AP@k divided by the number of *all* relevant items of the query.

    It depends on the size of a class: a perfect answer scores k/N⁺ if N⁺ > k. NaN for a query
    without relevant items.

    Examples
    --------
    >>> average_precision_at_k_over_relevant(DistanceHistograms([[1, 1]], [[1, 1]]), k=1).expected
    array([0.5])
    """
    return _divided(_precision_sums(histograms, _check_k(histograms, k)), histograms.relevant_sizes)


def average_precision_at_k_over_reachable(histograms: DistanceHistograms, k: int) -> TiedScores:
    """Return AP@k divided by min(k, relevant items of the query): a perfect answer scores 1.

    The usual choice, as scores of classes of different sizes can be compared. NaN for a query
    without relevant items.

    Examples
    --------
    >>> average_precision_at_k_over_reachable(DistanceHistograms([[1, 1]], [[1, 1]]), k=1).expected
    array([1.])
    """
    sums = _precision_sums(histograms, _check_k(histograms, k))
    return _divided(sums, np.minimum(k, histograms.relevant_sizes))


def average_precision_at_k_over_found(histograms: DistanceHistograms, k: int) -> Doubles:
    """Return AP@k divided by the relevant items *found among the k*, to compare with other work.

    Many published hashing tables use it. Items that are not found do not count: one relevant item
    in the first place followed by k − 1 wrong ones scores 1. A query that finds none scores 0.
    There are no bounds, because finding fewer items can raise the score.

    Under ties, the number of relevant items found is hypergeometric; the expectation is exact.

    Returns
    -------
    float64 array of shape (queries,)

    Examples
    --------
    >>> average_precision_at_k_over_found(DistanceHistograms([[1, 4]], [[1, 0]]), k=5)
    array([1.])
    """
    at = boundary_at_k(histograms, k)
    settled = _precision_sum_before_boundary(histograms, at.before)
    harmonic = _harmonic_numbers(k)
    log_factorial = _log_factorials(int(at.tied.max()))
    scores = np.zeros(len(settled))
    for found in range(int(np.minimum(at.open_places, at.relevant_tied).max()) + 1):
        chance = _hypergeometric(at.tied, at.relevant_tied, at.open_places, found, log_factorial)
        within = _tie_sum(
            at.before,
            at.relevant_before,
            at.open_places,
            np.full_like(at.tied, found),
            at.open_places,
            harmonic,
        )
        denominator = at.relevant_before + found
        ratio = np.divide(
            settled + within, denominator, out=np.zeros(len(settled)), where=denominator > 0
        )
        scores += chance * ratio
    return scores


def _check_k(histograms: DistanceHistograms, k: int) -> int:
    if k < 1:
        raise ParameterError(f"The 'k' parameter must be at least 1. Got {k!r} instead.")
    return min(k, int(histograms.database_sizes.max()))


def _divided(sums: TiedScores, denominator: Counts) -> TiedScores:
    """Divide sums of precisions; NaN if the denominator is 0."""
    safe = np.where(denominator > 0, denominator, np.nan)
    return TiedScores(sums.expected / safe, sums.low / safe, sums.high / safe)


def _harmonic_numbers(largest: int) -> Doubles:
    """Return H_0, ..., H_largest; H_b − H_a is the sum of 1/i over a < i ≤ b."""
    return np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, largest + 1))])


def _tie_sum(
    before: Counts,
    relevant_before: Counts,
    tied: Counts,
    relevant: Counts,
    places: Counts,
    harmonic: Doubles,
) -> Doubles:
    """Return the expected sum of precisions at relevant items in a tie's first ``places`` places.

    The naive form, where N and N⁺ are the counts before the tie and n and n⁺ those in it:
    ``n⁺/n * sum((N⁺ + 1 + (j - 1) * (n⁺ - 1) / (n - 1)) / (N + j) for j in 1..places)``.
    As (j − 1)/(N + j) = 1 − (N + 1)/(N + j), only the sum of 1/(N + j) remains: H_{N+places} − H_N.
    """
    reciprocal = harmonic[before + places] - harmonic[before]
    slope = np.divide(relevant - 1, tied - 1, out=np.zeros(tied.shape), where=tied > 1)
    share = np.divide(relevant, tied, out=np.zeros(tied.shape), where=tied > 0)
    first = (relevant_before + 1) * reciprocal
    return np.asarray(share * (first + slope * (places - (before + 1) * reciprocal)))


def _run_sum(before: Counts, relevant_before: Counts, run: Counts, harmonic: Doubles) -> Doubles:
    """Return the sum of precisions over ``run`` consecutive relevant items.

    The naive form: ``sum((N⁺ + i) / (N + i) for i in 1..run)``.
    """
    reciprocal = harmonic[before + run] - harmonic[before]
    return np.asarray(run + (relevant_before - before) * reciprocal)


def _precision_sums(histograms: DistanceHistograms, k: int) -> TiedScores:
    """Return, per query, the sum of precisions at the relevant items within the first k places."""
    total, relevant = histograms.total, histograms.relevant
    before = np.cumsum(total, axis=1) - total
    relevant_before = np.cumsum(relevant, axis=1) - relevant
    places = np.clip(k - before, 0, total)
    harmonic = _harmonic_numbers(int(histograms.database_sizes.max()))
    expected = _tie_sum(before, relevant_before, total, relevant, places, harmonic)
    irrelevant = np.minimum(total - relevant, places)
    low = _run_sum(before + irrelevant, relevant_before, places - irrelevant, harmonic)
    high = _run_sum(before, relevant_before, np.minimum(places, relevant), harmonic)
    return TiedScores(expected.sum(axis=1), low.sum(axis=1), high.sum(axis=1))


def _precision_sum_before_boundary(histograms: DistanceHistograms, before: Counts) -> Doubles:
    """Return the expected sum of precisions over the levels that lie entirely in ``before``."""
    inside = np.cumsum(histograms.total, axis=1) <= before[:, None]
    kept = DistanceHistograms(histograms.total * inside, histograms.relevant * inside)
    return _precision_sums(kept, max(1, int(before.max()))).expected


def _log_factorials(largest: int) -> Doubles:
    """Return log 0!, ..., log largest!."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])


def _hypergeometric(
    tied: Counts, relevant: Counts, drawn: Counts, found: int, log_factorial: Doubles
) -> Doubles:
    """Return the probability of exactly ``found`` relevant items among ``drawn`` of ``tied``."""
    irrelevant = tied - relevant
    possible = (found <= relevant) & (found <= drawn) & (drawn - found <= irrelevant)

    def log_choose(n: Counts, m: Counts) -> Doubles:
        n, m = np.where(possible, n, 0), np.where(possible, m, 0)
        return np.asarray(log_factorial[n] - log_factorial[m] - log_factorial[n - m])

    hits = np.full_like(tied, found)
    log_chance = (
        log_choose(relevant, hits) + log_choose(irrelevant, drawn - hits) - log_choose(tied, drawn)
    )
    return np.where(possible, np.exp(log_chance), 0.0)
