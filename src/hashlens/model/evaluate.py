"""Evaluate a model on a labeled data set: the search that a protocol asks for, and its figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hashlens.arrays import AnyLabels, Codes
from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.protocols import Split, make_split
from hashlens.errors import DataError
from hashlens.evaluation import (
    DistanceHistograms,
    code_statistics,
    evaluate_histograms,
    hamming_histograms,
)
from hashlens.model.model import Model


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
        """Whether what is searched is trained on, by the split."""
        return bool(np.isin(self.split.database, self.split.fit).any())


def protocol_search(
    model: Model, data: DescribedDataset, protocol: str = "standard", seed: int = 0
) -> Search:
    """Encode the queries and the database of a protocol, and count their distances.

    Parameters
    ----------
    model : Model
    data : DescribedDataset
        Described by the model's descriptor.
    protocol : {"standard", "heldout", "unseen"}
    seed : int
        Of the protocol's split.

    Raises
    ------
    DataError
        If the model saw, in training, what the protocol keeps from it, or the labels can't be
        divided so.
    """
    _check_fairness(model, data, protocol, seed)
    split = make_split(protocol, data.train.labels, data.test.labels, seed)
    return search_split(model, data, split)


def search_split(model: Model, data: DescribedDataset, split: Split) -> Search:
    """Encode the queries and the database of a split of the data, and count their distances."""
    query = model.hasher.transform(data.test.vectors[split.query])
    database = model.hasher.transform(data.train.vectors[split.database])
    labels = data.test.labels[split.query], data.train.labels[split.database]
    histograms = hamming_histograms(query, labels[0], database, labels[1], model.bits)
    return Search(split, query, labels[0], database, labels[1], histograms)


def evaluate_search(model: Model, source: str, search: Search, k: int = 5) -> dict[str, Any]:
    """Return the figures of a search.

    Parameters
    ----------
    model : Model
    source : str
        What the data is called.
    search : Search
        As `protocol_search` returns it.
    k : int
        How many neighbors the precision is of.

    Returns
    -------
    dict
        ``protocol``, ``bits``, ``precision_at_5``, ``precision_at_5_low``,
        ``precision_at_5_high``, ``map``, ... and the figures of `code_statistics`; shares in
        [0, 1].
    """
    return {
        "protocol": search.split.protocol,
        "split": search.split.describe(),
        "bits": model.bits,
        "method": model.hasher.name,
        "descriptor": model.spec.name,
        "data": source,
        **evaluate_histograms(search.histograms, k).to_dict(),
        "codes": asdict(code_statistics(search.database_codes, model.bits)),
    }


def evaluate_model(
    model: Model, data: DescribedDataset, protocol: str = "standard", seed: int = 0, k: int = 5
) -> dict[str, Any]:
    """Evaluate a model on a data set by a protocol: see `protocol_search`, `evaluate_search`."""
    return evaluate_search(model, data.source, protocol_search(model, data, protocol, seed), k)


def _check_fairness(model: Model, data: DescribedDataset, protocol: str, seed: int) -> None:
    """Refuse to call images unseen that the model was trained on."""
    training = model.training
    if protocol == "standard" or training.get("data_digest") != data.train.digest:
        return
    if (training.get("protocol"), training.get("split_seed")) != (protocol, seed):
        raise DataError(
            f"The model was trained on this data under the protocol "
            f"{training.get('protocol')!r}, split seed {training.get('split_seed')}. Evaluating it "
            f"by {protocol!r}, seed {seed}, would call images unseen that it has seen. Train one "
            f"with: hashlens train ... --protocol {protocol}"
        )
