"""Evaluate a model on a labelled data set: the search that a protocol asks for, and its figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hashlens.codes import Codes
from hashlens.encoder import Encoder
from hashlens.errors import DataError
from hashlens.evaluation import (
    DistanceHistograms,
    Split,
    code_statistics,
    evaluate_histograms,
    hamming_histograms,
    make_split,
)
from hashlens.labels import AnyLabels
from hashlens.training.train import DescribedDataset


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
    encoder: Encoder, data: DescribedDataset, protocol: str = "standard", seed: int = 0
) -> Search:
    """Encode the queries and the database of a protocol, and count their distances.

    Parameters
    ----------
    encoder : Encoder
    data : DescribedDataset
        Described by the encoder's descriptor.
    protocol : {"standard", "heldout", "unseen"}
    seed : int
        Of the protocol's split.

    Raises
    ------
    DataError
        If the model saw, in training, what the protocol keeps from it, or the labels can't be
        divided so.
    """
    _check_fairness(encoder, data, protocol, seed)
    split = make_split(protocol, data.train.labels, data.test.labels, seed)
    query = encoder.hasher.transform(data.test.vectors[split.query])
    database = encoder.hasher.transform(data.train.vectors[split.database])
    labels = data.test.labels[split.query], data.train.labels[split.database]
    histograms = hamming_histograms(query, labels[0], database, labels[1], encoder.bits)
    return Search(split, query, labels[0], database, labels[1], histograms)


def evaluate_search(encoder: Encoder, source: str, search: Search, k: int = 5) -> dict[str, Any]:
    """Return the figures of a search.

    Parameters
    ----------
    encoder : Encoder
    source : str
        What the data is called.
    search : Search
        As `protocol_search` returns it.
    k : int
        How many neighbours the precision is of.

    Returns
    -------
    dict
        ``protocol``, ``bits``, ``top5``, ``top5_low``, ``top5_high``, ``map``, ... and the figures
        of `code_statistics`; shares in [0, 1].
    """
    return {
        "protocol": search.split.protocol,
        "split": search.split.describe(),
        "bits": encoder.bits,
        "method": encoder.hasher.name,
        "descriptor": encoder.spec.name,
        "data": source,
        **evaluate_histograms(search.histograms, k).to_dict(),
        "codes": asdict(code_statistics(search.database_codes, encoder.bits)),
    }


def evaluate_encoder(
    encoder: Encoder, data: DescribedDataset, protocol: str = "standard", seed: int = 0, k: int = 5
) -> dict[str, Any]:
    """Evaluate a model on a data set by a protocol: see `protocol_search`, `evaluate_search`."""
    return evaluate_search(encoder, data.source, protocol_search(encoder, data, protocol, seed), k)


def _check_fairness(encoder: Encoder, data: DescribedDataset, protocol: str, seed: int) -> None:
    """Refuse to call images unseen that the model was trained on."""
    training = encoder.training
    if protocol == "standard" or training.get("data_digest") != data.train.digest:
        return
    if (training.get("protocol"), training.get("split_seed")) != (protocol, seed):
        raise DataError(
            f"The model was trained on this data under the protocol "
            f"{training.get('protocol')!r}, split seed {training.get('split_seed')}. Evaluating it "
            f"by {protocol!r}, seed {seed}, would call images unseen that it has seen. Train one "
            f"with: hashlens train ... --protocol {protocol}"
        )
