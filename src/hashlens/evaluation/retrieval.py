"""One call from codes and labels to every figure of a retrieval table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
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
"""The radius in bits of the field's usual look-up figure, "precision within radius 2"."""


@dataclass(frozen=True, slots=True)
class TiedMean:
    """A metric's mean over queries: expected, pessimistic and optimistic; shares in [0, 1]."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Retrieval figures, means over queries; shares are in [0, 1].

    Attributes
    ----------
    k, queries, database : int
    precision : TiedMean
        Precision at k, see `hashlens.evaluation.precision.precision_at_k`.
    average_precision : TiedMean
        Mean over the queries that have relevant items of the whole ranking's average precision.
    queries_without_relevant : int
        Queries that have none, and so no average precision.
    tied_at_k : float
        Mean number of items at the distance of the k-th neighbor. Above 1, the answer's last
        places are a draw; in the hundreds, codes have collapsed to class numbers.
    curves : RadiusCurves or None
        Precision and recall within each radius; None for distances that are not in bits.
    """

    k: int
    queries: int
    database: int
    precision: TiedMean
    average_precision: TiedMean
    queries_without_relevant: int
    tied_at_k: float
    curves: RadiusCurves | None

    def to_dict(self, curves: bool = False) -> dict[str, Any]:
        """Return plain numbers by name, for JSON; ``precision_at_5`` is the precision at k = 5.

        What is undefined, such as the average precision without any relevant item, is None.

        Parameters
        ----------
        curves : bool
            Whether to add the curves over radii.
        """
        figures: dict[str, Any] = {
            f"precision_at_{self.k}": self.precision.expected,
            f"precision_at_{self.k}_low": self.precision.low,
            f"precision_at_{self.k}_high": self.precision.high,
            "map": self.average_precision.expected,
            "map_low": self.average_precision.low,
            "map_high": self.average_precision.high,
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
    """Return ``value`` with None in the place of NaN, which JSON does not have."""
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
        Or tables of which labels each has, of 0 and 1: (queries, C) and (items, C); images that
        share a label are relevant.
    bits : int
    k : int
        How many neighbors the precision is of, between 1 and the items of the database.
    threads : int, optional
        By default ``HASHLENS_THREADS``, else all cores. No figure depends on it.

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
    >>> result.to_dict()["top1"], result.to_dict()["top1_low"], result.to_dict()["top1_high"]
    (0.5, 0.0, 1.0)
    """
    histograms = hamming_histograms(
        query_codes, query_labels, database_codes, database_labels, bits, threads
    )
    return evaluate_histograms(histograms, k)


def evaluate_histograms(histograms: DistanceHistograms, k: int = 5) -> Evaluation:
    """Score rankings of any distance and any relevance from their histograms.

    Raises
    ------
    ParameterError
        If ``k`` is out of range.
    """
    return Evaluation(
        k=k,
        queries=len(histograms.total),
        database=int(histograms.database_sizes.max()),
        precision=_mean(precision_at_k(histograms, k)),
        average_precision=_mean(average_precision(histograms)),
        queries_without_relevant=int((histograms.relevant_sizes == 0).sum()),
        tied_at_k=float(boundary_at_k(histograms, k).tied.mean()),
        curves=radius_curves(histograms),
    )


def _mean(scores: TiedScores) -> TiedMean:
    """Return means over the queries for which the metric is defined; NaN where there is none."""
    defined = ~np.isnan(scores.expected)
    if not defined.any():
        return TiedMean(float("nan"), float("nan"), float("nan"))
    return TiedMean(
        float(scores.expected[defined].mean()),
        float(scores.low[defined].mean()),
        float(scores.high[defined].mean()),
    )
