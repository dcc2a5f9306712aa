"""Calibrate the codes of a hasher on labeled images that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.protocols import make_split
from hashlens.evaluation import hamming_histograms, precision_at_k
from hashlens.evaluation.bootstrap import Resampling
from hashlens.evaluation.calibration import Calibration, calibrate, without_self
from hashlens.evaluation.length_choice import LengthFigures, compare_lengths
from hashlens.hashers import Hasher, hasher_class
from hashlens.model.protocol_search import search_split
from hashlens.model.training_record import TrainingRecord

TOP_K = 5

OnLength = Callable[[int], None]
"""Called with the bits of the code that is fitted next."""


def unseen_pairs(
    hasher: Hasher,
    training: TrainingRecord | None,
    data: DescribedDataset,
    resampling: Resampling,
) -> tuple[Calibration, str]:
    """Calibrate on pairs that the hasher was not trained on, and say which pairs they are.

    A hasher that was trained on this data under the protocol `standard` has seen the whole training
    part, so the test images are paired with each other. Under `heldout` and `unseen`, test images
    are paired with the training images that were kept apart. If it was trained on other data, all
    images are new, and test images are paired with training images.

    Raises
    ------
    DataError
        If the data has changed since the training, or no two images share a label.
    """
    bits = hasher.bits
    query, database = data.test, data.train
    queries, rows = np.arange(len(query.labels)), np.arange(len(database.labels))
    protocol, seed = _trained_under(training, data)
    if protocol == "standard":
        codes = hasher.transform(query.vectors)
        among = hamming_histograms(codes, query.labels, codes, query.labels, bits)
        return calibrate(without_self(among), resampling=resampling), (
            f"pairs among {len(queries):,} test images; the model trained on the training part"
        )
    if protocol is not None:
        split = make_split(protocol, database.labels, query.labels, seed)
        queries, rows = split.query, split.database
    sides = (
        (hasher.transform(query.vectors[queries]), query.labels[queries]),
        (hasher.transform(database.vectors[rows]), database.labels[rows]),
    )
    there = hamming_histograms(*sides[0], *sides[1], bits)
    back = hamming_histograms(*sides[1], *sides[0], bits)
    seen = f"kept from the model's training ({protocol})" if protocol else "of other data"
    return calibrate(there, back, resampling), (
        f"{len(queries):,} test images paired with {len(rows):,} training images {seen}"
    )


def lengths_compared(
    hasher: Hasher,
    training: TrainingRecord | None,
    data: DescribedDataset,
    lengths: Sequence[int],
    resampling: Resampling,
    on_length: OnLength | None = None,
) -> list[LengthFigures]:
    """Fit the hasher's method at several lengths, and search each for the same queries.

    Parameters
    ----------
    hasher : Hasher
        Names the method and its parameters.
    training : TrainingRecord, optional
        Its split is used if it was trained on this data, else that of the protocol `heldout`.
    data : DescribedDataset
    lengths : sequence of int
        Code lengths, in bits.
    resampling : Resampling
    on_length : callable, optional
        Called with each length before it is fitted.
    """
    protocol, seed = _trained_under(training, data)
    split = make_split(protocol or "heldout", data.train.labels, data.test.labels, seed)
    scores = {}
    for bits in sorted(set(lengths)):
        if on_length is not None:
            on_length(bits)
        fitted = hasher_class(hasher.name)(**(hasher.get_params() | {"bits": bits}))
        fitted.fit(data.train.vectors[split.fit], data.train.labels[split.fit])
        histograms = search_split(fitted, data, split).histograms
        scores[bits] = precision_at_k(histograms, TOP_K).expected
    return compare_lengths(scores, resampling=resampling)


def _trained_under(
    training: TrainingRecord | None, data: DescribedDataset
) -> tuple[str | None, int]:
    """Return the protocol and the split's seed of a training on this data; None on other data."""
    if training is None:
        return None, 0
    protocol = training.protocol_on(data.source, data.train.digest)
    return protocol, 0 if protocol is None else training.split_seed
