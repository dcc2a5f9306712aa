"""Results class by class: a mean over all queries hides a class that is never found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hashlens.arrays import AnyLabels, Labels
from hashlens.evaluation.average_precision import average_precision
from hashlens.evaluation.histograms import DistanceHistograms
from hashlens.evaluation.precision import precision_at_k
from hashlens.evaluation.retrieval import TiedMean
from hashlens.labels import images_a_class


@dataclass(frozen=True, slots=True)
class ClassResult:
    """What the queries of one class find; shares in [0, 1].

    Attributes
    ----------
    label : int
    queries, database : int
        How many images of the class ask, and how many are searched.
    precision : TiedMean
        Precision at k, mean over the class's queries.
    average_precision : float
        Of the whole ranking, mean over the class's queries; NaN where nothing is relevant to one.
    """

    label: int
    queries: int
    database: int
    precision: TiedMean
    average_precision: float


def class_results(
    histograms: DistanceHistograms,
    query_labels: AnyLabels,
    database_labels: AnyLabels,
    k: int = 5,
) -> list[ClassResult]:
    """Return the results of each class that has queries, the worst first.

    A query with several labels counts for each of them; whatever shares one of its labels is
    relevant to it.

    Parameters
    ----------
    histograms : DistanceHistograms
        A row a query.
    query_labels, database_labels
        As `confusions` takes them.
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
    counts = images_a_class(query_labels, classes)
    searched = images_a_class(database_labels, classes)
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
            float(average[row]),
        )
        for row, one in enumerate(asked)
    ]
    return sorted(results, key=lambda result: (result.precision.expected, result.label))


def _members(labels: AnyLabels) -> tuple[Labels, Labels]:
    """Return every pair of an image and a label that it has."""
    if labels.ndim == 1:
        return np.arange(len(labels), dtype=np.int64), labels.astype(np.int64)
    rows, columns = np.nonzero(labels)
    return rows.astype(np.int64), columns.astype(np.int64)
