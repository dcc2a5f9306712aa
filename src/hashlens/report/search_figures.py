"""Figures of a search: precision in all and by class, confusions, and what the codes are like."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.evaluation import (
    DistanceHistograms,
    code_statistics,
    evaluate_histograms,
    hamming_histograms,
    linear_reconstruction_error,
    precision_at_k,
    quantization_error,
)
from hashlens.evaluation.bootstrap import mean_interval
from hashlens.evaluation.by_class import class_results
from hashlens.evaluation.calibration import without_self
from hashlens.evaluation.code_statistics import bit_shares
from hashlens.evaluation.confusions import confusions
from hashlens.model.protocol_search import Search

K = 5
"""Number of answers that precision is measured over."""
MAX_CONFUSIONS = 1000
"""Maximum number of pairs listed: 10,000 classes could have millions."""


def search_figures(search: Search, bits: int) -> list[dict[str, Any]]:
    """Return the figures of the protocol's search.

    If its database was seen in training, the figures of a second search follow, in which the test
    images search each other: training saw neither side.
    """
    found = [
        {
            "search": f"{search.split.protocol} protocol",
            "queries_of": "test",
            "database_of": "train",
            "database_seen_in_training": search.seen,
            **_figures(search.histograms),
        }
    ]
    if search.seen and len(search.query_codes) > K:
        side = search.query_codes, search.query_labels
        among = without_self(hamming_histograms(*side, *side, bits))
        found.append(
            {
                "search": "test images among themselves",
                "queries_of": "test",
                "database_of": "test",
                "database_seen_in_training": False,
                **_figures(among),
            }
        )
    return found


def _figures(histograms: DistanceHistograms) -> dict[str, Any]:
    # A query with fewer than K relevant images can't have K right answers.
    reachable = np.minimum(K, histograms.relevant_sizes).mean() / K
    interval = mean_interval(precision_at_k(histograms, K).expected)
    return {
        **evaluate_histograms(histograms, K).to_dict(),
        "precision_at_5_reachable": float(reachable),
        "precision_at_5_interval": interval,
    }


def class_figures(search: Search, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the figures of every class that has queries, the worst first."""
    return [
        {
            "label": result.label,
            "name": names[result.label],
            "queries": result.queries,
            "database": result.database,
            "precision_at_5": result.precision.expected,
            "precision_at_5_low": result.precision.low,
            "precision_at_5_high": result.precision.high,
            "map": result.average_precision,
        }
        for result in class_results(
            search.histograms, search.query_labels, search.database_labels, K
        )
    ]


def confusion_figures(search: Search, names: tuple[str, ...]) -> tuple[list[dict[str, Any]], int]:
    """Return the most frequent confusions, and the number of all pairs of classes confused."""
    pairs = confusions(
        search.histograms,
        search.query_codes,
        search.query_labels,
        search.database_codes,
        search.database_labels,
        K,
    )
    rows = [
        {
            "class": names[pair.asked],
            "answered_with": names[pair.answered],
            "share": pair.share,
            "answers": pair.answers,
        }
        for pair in pairs[:MAX_CONFUSIONS]
    ]
    return rows, len(pairs)


def code_figures(search: Search, bits: int, vectors: npt.NDArray[np.float32]) -> dict[str, Any]:
    """Return figures of the codes of the database, whose descriptors are ``vectors``."""
    codes = search.database_codes
    figures: dict[str, Any] = asdict(code_statistics(codes, bits))
    figures["quantization_error"] = quantization_error(codes, vectors)
    spread = bool((vectors != vectors[0]).any())
    figures["linear_reconstruction_error"] = (
        linear_reconstruction_error(codes, bits, vectors) if spread else None
    )
    figures["share_of_ones"] = bit_shares(codes, bits).tolist()
    return {"images": len(codes), **figures}
