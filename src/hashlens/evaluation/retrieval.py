"""All figures of a retrieval table from codes and labels, in one call."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Mask
from hashlens.evaluation.average_precision import average_precision
from hashlens.evaluation.histograms import DistanceHistograms, hamming_histograms
from hashlens.evaluation.precision import (
    RadiusCurves,
    TiedScores,
    boundary_at_k,
    precision_at_k,
    radius_curves,
)

LOOKUP_RADIUS = 2
"""The radius, in bits, of the field's usual "precision within radius 2"."""


@dataclass(frozen=True, slots=True)
class TiedMean:
    """A metric averaged over queries, in [0, 1]: expectation, worst and best order of ties."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Retrieval figures, averaged over queries; shares in [0, 1].

    Attributes
    ----------
    k, queries, database : int
    precision : TiedMean
        Precision at k, see `hashlens.evaluation.precision.precision_at_k`.
    average_precision : TiedMean or None
        Average precision of the whole ranking, over the queries that have relevant items; None if
        there are no such queries.
    queries_without_relevant : int
        Number of queries without relevant items.
    tied_at_k : float
        Mean number of items at the distance of the k-th neighbor. Above 1, the last of the k
        places depend on the order of ties; in the hundreds, codes have collapsed.
    curves : RadiusCurves or None
        Precision and recall within each radius; None for distances that are not in bits.
    """

    k: int
    queries: int
    database: int
    precision: TiedMean
    average_precision: TiedMean | None
    queries_without_relevant: int
    tied_at_k: float
    curves: RadiusCurves | None

    def to_dict(self, curves: bool = False) -> dict[str, Any]:
        """Return the figures by name, for JSON: for k = 5, ``precision_at_5`` and so on.

        Undefined figures, such as the average precision without any relevant item, are None.

        Parameters
        ----------
        curves : bool
            Whether to add the curves over radii.
        """
        ranked = self.average_precision
        figures: dict[str, Any] = {
            f"precision_at_{self.k}": self.precision.expected,
            f"precision_at_{self.k}_low": self.precision.low,
            f"precision_at_{self.k}_high": self.precision.high,
            "map": ranked.expected if ranked else None,
            "map_low": ranked.low if ranked else None,
            "map_high": ranked.high if ranked else None,
            f"tied_at_{self.k}": self.tied_at_k,
            "queries": self.queries,
            "database": self.database,
            "queries_without_relevant": self.queries_without_relevant,
        }
        if self.curves is not None:
            figures |= _lookup_figures(self.curves)
            if curves:
                figures["curves"] = {
                    name: values.tolist() for name, values in asdict(self.curves).items()
                }
        return {name: _without_nan(value) for name, value in figures.items()}


def _lookup_figures(curves: RadiusCurves) -> dict[str, float]:
    radius = min(LOOKUP_RADIUS, len(curves.precision) - 1)
    return {
        f"precision_radius{radius}": float(curves.precision[radius]),
        f"recall_radius{radius}": float(curves.recall[radius]),
        f"empty_radius{radius}": float(curves.empty[radius]),
    }


def _without_nan(value: Any) -> Any:
    """Return a value with None in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def evaluate_codes(
    query_codes: Codes,
    query_labels: npt.ArrayLike,
    database_codes: Codes,
    database_labels: npt.ArrayLike,
    bits: int,
    k: int = 5,
    threads: int | None = None,
) -> Evaluation:
    """Rank a database by Hamming distance for each query and score it; equal labels are relevant.

    Parameters
    ----------
    query_codes, database_codes : uint8 arrays of shape (queries, bytes) and (items, bytes)
        Packed codes of ``bits`` bits.
    query_labels, database_labels : int arrays of shape (queries,) and (items,)
        Or tables of labels, 0 and 1, of shape (queries, C) and (items, C); images that share a
        label are relevant.
    bits : int
    k : int
        The cut-off of precision, between 1 and the size of the database.
    threads : int, optional
        By default ``HASHLENS_THREADS``, otherwise all cores. No figure depends on it.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        If codes or labels do not fit each other or ``bits``.
    ParameterError
        If ``k`` is out of range.

    Examples
    --------
    >>> from hashlens.codes import pack
    >>> database = pack([[0] * 8, [0] * 8, [1] * 8])
    >>> result = evaluate_codes(database[:1], [3], database, [3, 4, 3], bits=8, k=1)
    >>> result.precision
    TiedMean(expected=0.5, low=0.0, high=1.0)
    """
    histograms = hamming_histograms(
        query_codes, query_labels, database_codes, database_labels, bits, threads
    )
    return evaluate_histograms(histograms, k)


def evaluate_histograms(histograms: DistanceHistograms, k: int = 5) -> Evaluation:
    """Score rankings by any distance and any relevance from their histograms.

    Raises
    ------
    ParameterError
        If ``k`` is out of range.
    """
    ranked = average_precision(histograms)
    answerable = histograms.relevant_sizes > 0
    return Evaluation(
        k=k,
        queries=len(histograms.total),
        database=int(histograms.database_sizes.max()),
        precision=_mean(precision_at_k(histograms, k)),
        average_precision=_mean(ranked, answerable) if answerable.any() else None,
        queries_without_relevant=int((~answerable).sum()),
        tied_at_k=float(boundary_at_k(histograms, k).tied.mean()),
        curves=radius_curves(histograms),
    )


def _mean(scores: TiedScores, rows: Mask | slice = slice(None)) -> TiedMean:
    """Return the means over some queries."""
    return TiedMean(
        float(scores.expected[rows].mean()),
        float(scores.low[rows].mean()),
        float(scores.high[rows].mean()),
    )
