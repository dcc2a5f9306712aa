"""The search that a protocol asks for, and its figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hashlens.arrays import AnyLabels, Codes
from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.protocols import Split
from hashlens.evaluation import (
    DistanceHistograms,
    code_statistics,
    evaluate_histograms,
    hamming_histograms,
)
from hashlens.hashers import Hasher


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """Queries of the test part and the database that they search, a part of the training images.

    Attributes
    ----------
    split : Split
        ``query`` and ``database`` are the rows, in the described test and training part.
    bits : int
        Code length.
    query_codes, database_codes : uint8 arrays of shape (n, bits / 8)
    query_labels, database_labels : int arrays of shape (n,), or tables (n, classes)
    histograms : DistanceHistograms
    """

    split: Split
    bits: int
    query_codes: Codes
    query_labels: AnyLabels
    database_codes: Codes
    database_labels: AnyLabels
    histograms: DistanceHistograms

    @property
    def seen(self) -> bool:
        """Whether the database was trained on, by the split."""
        return bool(np.isin(self.split.database, self.split.fit).any())


def search_split(hasher: Hasher, data: DescribedDataset, split: Split) -> Search:
    """Encode the queries and the database of a split, and count their distances.

    Parameters
    ----------
    hasher : Hasher
        Fitted on ``split.fit`` or on other data.
    data : DescribedDataset
        Described by the hasher's descriptor.
    split : Split
        Of ``data``.
    """
    query = hasher.transform(data.test.vectors[split.query])
    database = hasher.transform(data.train.vectors[split.database])
    labels = data.test.labels[split.query], data.train.labels[split.database]
    histograms = hamming_histograms(query, labels[0], database, labels[1], hasher.bits)
    return Search(split, hasher.bits, query, labels[0], database, labels[1], histograms)


def search_metrics(search: Search, k: int = 5) -> dict[str, Any]:
    """Return the figures of a search.

    Parameters
    ----------
    search : Search
    k : int
        Cut-off of the precision.

    Returns
    -------
    dict
        ``protocol``, ``split``, ``bits``, ``precision_at_5`` (for k = 5) with ``_low`` and
        ``_high``, ``map``, and more of `evaluate_histograms`; under ``codes`` those of
        `code_statistics`. Shares are in [0, 1].
    """
    return {
        "protocol": search.split.protocol,
        "split": search.split.describe(),
        "bits": search.bits,
        **evaluate_histograms(search.histograms, k).to_dict(),
        "codes": asdict(code_statistics(search.database_codes, search.bits)),
    }
