"""What a trained model finds, by its protocol and among images that it never saw; its codes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.codes import Codes
from hashlens.encoder import Encoder
from hashlens.evaluation import (
    DistanceHistograms,
    Split,
    code_statistics,
    evaluate_histograms,
    hamming_histograms,
    linear_reconstruction_error,
    make_split,
    precision_at_k,
    quantisation_error,
)
from hashlens.evaluation.bootstrap import mean_interval
from hashlens.evaluation.by_class import class_results
from hashlens.evaluation.calibration import without_self
from hashlens.evaluation.code_statistics import bit_shares
from hashlens.evaluation.confusions import confusions
from hashlens.labels import AnyLabels
from hashlens.training import DescribedDataset

K = 5
"""The first answers, which a person looks at."""
MAX_CONFUSIONS = 1000
"""Pairs of classes that are listed: 10,000 classes could have millions."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Queries of the test part and what they search: a part of the training images.

    Attributes
    ----------
    split : Split
        ``query`` and ``database`` are the rows, in the described test and training part.
    query_codes, database_codes : uint8 arrays of shape (n, bytes)
    query_labels, database_labels : int arrays of shape (n,), or tables (n, classes)
    histograms : DistanceHistograms
    """

    split: Split
    query_codes: Codes
    query_labels: AnyLabels
    database_codes: Codes
    database_labels: AnyLabels
    histograms: DistanceHistograms

    @property
    def seen(self) -> bool:
        """Whether the model was trained on what is searched."""
        return bool(np.isin(self.split.database, self.split.fit).any())


def protocol_search(encoder: Encoder, data: DescribedDataset) -> Search:
    """Return the search of the protocol that a model was trained by, on the data of its training.

    Raises
    ------
    DataError
        If the labels can't be divided so.
    """
    training = encoder.training
    split = make_split(
        training["protocol"], data.train.labels, data.test.labels, training["split_seed"]
    )
    query = encoder.hasher.transform(data.test.vectors[split.query])
    database = encoder.hasher.transform(data.train.vectors[split.database])
    labels = data.test.labels[split.query], data.train.labels[split.database]
    histograms = hamming_histograms(query, labels[0], database, labels[1], encoder.bits)
    return Search(split, query, labels[0], database, labels[1], histograms)


def search_figures(search: Search, bits: int) -> list[dict[str, Any]]:
    """Return the figures of the protocol's search and, where it was seen, of one that was not.

    The test images, which no training sees, then search each other.
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
    # Where a query has fewer than five relevant images, not all five answers can be right.
    reachable = np.minimum(K, histograms.relevant_sizes).mean() / K
    interval = mean_interval(precision_at_k(histograms, K).expected)
    return {
        **evaluate_histograms(histograms, K).to_dict(),
        "top5_reachable": float(reachable),
        "top5_interval": interval,
    }


def class_figures(search: Search, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return every class's figures, the worst first."""
    return [
        {
            "label": result.label,
            "name": names[result.label],
            "queries": result.queries,
            "database": result.database,
            "top5": result.precision.expected,
            "top5_low": result.precision.low,
            "top5_high": result.precision.high,
            "map": result.average_precision,
        }
        for result in class_results(
            search.histograms, search.query_labels, search.database_labels, K
        )
    ]


def confusion_figures(search: Search, names: tuple[str, ...]) -> tuple[list[dict[str, Any]], int]:
    """Return the most frequent confusions, and how many pairs of classes there are in all."""
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
    """Return what the codes of the database are like; ``vectors`` are its descriptors."""
    codes = search.database_codes
    figures = asdict(code_statistics(codes, bits))
    figures["quantisation_error"] = quantisation_error(codes, vectors)
    spread = bool((vectors != vectors[0]).any())
    figures["linear_reconstruction_error"] = (
        linear_reconstruction_error(codes, bits, vectors) if spread else None
    )
    figures["share_of_ones"] = bit_shares(codes, bits).tolist()
    return {"images": len(codes), **figures}
