"""Calibrate a model on labeled images that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hashlens.codes import check_bits
from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.protocols import make_split
from hashlens.errors import DataError
from hashlens.evaluation import hamming_histograms, precision_at_k
from hashlens.evaluation.bootstrap import Resampling
from hashlens.evaluation.calibration import Calibration, calibrate, without_self
from hashlens.evaluation.length_choice import LengthFigures, compare_lengths
from hashlens.hashers import hasher_class
from hashlens.model.calibration_file import ModelCalibration
from hashlens.model.model import Model

TOP_K = 5

OnLength = Callable[[int], None]
"""Called with the bits of the code that is fitted next."""


def calibrate_model(
    model: Model,
    data: DescribedDataset,
    *,
    lengths: Sequence[int] = (),
    resampling: Resampling | None = None,
    on_length: OnLength | None = None,
) -> ModelCalibration:
    """Measure what the distances of a model's codes mean, on images that it did not train on.

    Parameters
    ----------
    model : Model
    data : DescribedDataset
        Described by the model's descriptor. Where the model was trained on it, only images that
        its protocol kept apart are paired: see `unseen_pairs`.
    lengths : sequence of int
        Code lengths, in bits, to fit the model's method at; each takes a training.
    resampling : Resampling, optional
        Of the images, for the intervals: see `hashlens.evaluation.calibration.calibrate`.
    on_length : callable, optional

    Raises
    ------
    DataError
        If there are no images that the model surely did not train on, or no two of one label.
    """
    resampling = resampling or Resampling()
    pairs, images = unseen_pairs(model, data, resampling)
    figures: list[LengthFigures] = []
    if lengths:
        figures = _lengths(model, data, lengths, resampling, on_length)
    return ModelCalibration(
        model.digest, pairs, data.source, data.train.digest, images, tuple(figures)
    )


def unseen_pairs(
    model: Model, data: DescribedDataset, resampling: Resampling
) -> tuple[Calibration, str]:
    """Return the calibration of pairs that the model did not train on, and say which they are.

    A model of this data that was trained by the protocol `standard` has seen the whole training
    part, so the test images are paired with each other; by `heldout` and `unseen`, test images are
    paired with the training images that were kept apart. Of other data, all images are new: test
    images are paired with training images.
    """
    hasher, bits = model.hasher, model.bits
    query, database = data.test, data.train
    queries, rows = np.arange(len(query.labels)), np.arange(len(database.labels))
    protocol = _protocol_of(model, data)
    if protocol == "standard":
        codes = hasher.transform(query.vectors)
        among = hamming_histograms(codes, query.labels, codes, query.labels, bits)
        return calibrate(without_self(among), resampling=resampling), (
            f"pairs among {len(queries):,} test images; the model trained on the training part"
        )
    if protocol is not None:
        split = make_split(
            protocol, database.labels, query.labels, model.training.get("split_seed", 0)
        )
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


def _protocol_of(model: Model, data: DescribedDataset) -> str | None:
    """Return the protocol by which the model was trained on this very data; None for other data.

    Raises
    ------
    DataError
        If it was trained on data at the same place that has changed since: which of the images it
        has seen can't be told.
    """
    training = model.training
    if training.get("data_digest") == data.train.digest:
        return str(training.get("protocol", "standard"))
    if training.get("data") == data.source:
        raise DataError(
            f"The model was trained on {data.source}, whose images have changed since, so it can't "
            "be told which of them it has seen. Calibrate on labeled images that it was not "
            "trained on, in a folder of their own, or train it again."
        )
    return None


def _lengths(
    model: Model,
    data: DescribedDataset,
    lengths: Sequence[int],
    resampling: Resampling,
    on_length: OnLength | None,
) -> list[LengthFigures]:
    """Fit the model's method at several lengths and ask each the same queries.

    A model of other data has no split of this one; its method is then fitted and asked by the
    protocol `heldout`.
    """
    protocol = _protocol_of(model, data)
    split_seed = 0 if protocol is None else model.training.get("split_seed", 0)
    train, test = data.train, data.test
    split = make_split(protocol or "heldout", train.labels, test.labels, split_seed)
    for bits in lengths:
        check_bits(bits, "calibrate --bits")
    scores = {}
    for bits in sorted(set(lengths)):
        if on_length is not None:
            on_length(bits)
        hasher = hasher_class(model.hasher.name)(**(model.hasher.get_params() | {"bits": bits}))
        hasher.fit(train.vectors[split.fit], train.labels[split.fit])
        histograms = hamming_histograms(
            hasher.transform(test.vectors[split.query]),
            test.labels[split.query],
            hasher.transform(train.vectors[split.database]),
            train.labels[split.database],
            bits,
        )
        scores[bits] = precision_at_k(histograms, TOP_K).expected
    return compare_lengths(scores, resampling=resampling)
