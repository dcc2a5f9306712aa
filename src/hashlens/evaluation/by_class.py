"""Results by class: a mean over all queries hides a class that is never found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashlens.arrays import AnyLabels, Labels
from hashlens.evaluation.average_precision import average_precision
from hashlens.evaluation.histograms import DistanceHistograms
from hashlens.evaluation.precision import precision_at_k
from hashlens.evaluation.retrieval import TiedMean
from hashlens.labels import images_per_class


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The results of one class's queries; shares in [0, 1].

    Attributes
    ----------
    label : int
    queries, database : int
        Number of images of the class among the queries and in the database.
    precision : TiedMean
        Precision at k, averaged over the class's queries.
    average_precision : float or None
        Average precision of the whole ranking, averaged over the class's queries; None if nothing
        is relevant to one of them.
    """

    label: int
    queries: int
    database: int
    precision: TiedMean
    average_precision: float | None


def class_results(
    histograms: DistanceHistograms,
    query_labels: AnyLabels,
    database_labels: AnyLabels,
    k: int = 5,
) -> list[ClassResult]:
    """Return the results of each class that has queries, the worst first.

    A query with several labels counts for each of them; items that share one of its labels are
    relevant to it.

    Parameters
    ----------
    histograms : DistanceHistograms
        One row per query.
    query_labels, database_labels : int arrays, or tables of labels
        See `hashlens.evaluation.confusions.confusions`.
    k : int

    Raises
    ------
    ParameterError
        If ``k`` is out of range.

    Examples
    --------
    >>> histograms = DistanceHistograms([[1, 1], [2, 0]], [[1, 0], [1, 0]])
    >>> for result in class_results(histograms, np.array([0, 1]), np.array([0, 1]), k=1):
    ...     print(result.label, result.precision)
    1 TiedMean(expected=0.5, low=0.0, high=1.0)
    0 TiedMean(expected=1.0, low=1.0, high=1.0)
    """
    query, label = _members(query_labels)
    classes = 1 + max(int(label.max()), int(_members(database_labels)[1].max()))
    counts = images_per_class(query_labels, classes)
    searched = images_per_class(database_labels, classes)
    asked = np.flatnonzero(counts)
    precision = precision_at_k(histograms, k)
    ranked = average_precision(histograms).expected
    expected, low, high, average = (
        np.bincount(label, scores[query], classes)[asked] / counts[asked]
        for scores in (precision.expected, precision.low, precision.high, ranked)
    )
    results = [
        ClassResult(
            int(one),
            int(counts[one]),
            int(searched[one]),
            TiedMean(float(expected[row]), float(low[row]), float(high[row])),
            None if np.isnan(average[row]) else float(average[row]),
        )
        for row, one in enumerate(asked)
    ]
    return sorted(results, key=lambda result: (result.precision.expected, result.label))


def _members(labels: AnyLabels) -> tuple[Labels, Labels]:
    """Return all pairs of an image and one of its labels."""
    if labels.ndim == 1:
        return np.arange(len(labels), dtype=np.int64), labels.astype(np.int64)
    rows, columns = np.nonzero(labels)
    return rows.astype(np.int64), columns.astype(np.int64)
