"""Fit a hasher on a described data set."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.protocols import Split, choice_rows, make_split
from hashlens.hashers import Hasher
from hashlens.model.model import Model
from hashlens.model.training_record import TrainingRecord


def train_model(
    data: DescribedDataset,
    hasher: Hasher,
    protocol: str = "standard",
    seed: int = 0,
    network: Path | None = None,
    **fit_arguments: Any,
) -> Model:
    """Fit a hasher on the images that a protocol allows: `fit_split` on its `make_split`."""
    split = make_split(protocol, data.train.labels, data.test.labels, seed)
    return fit_split(data, hasher, split, network, **fit_arguments)


def fit_split(
    data: DescribedDataset,
    hasher: Hasher,
    split: Split,
    network: Path | None = None,
    **fit_arguments: Any,
) -> Model:
    """Fit a hasher on the images that a split allows it to see.

    Validation images of the classes that are trained on are what the epoch is chosen by, instead of
    a random share of the training images. Methods that choose nothing learn from them as well.

    Parameters
    ----------
    data : DescribedDataset
    hasher : Hasher
        Not fitted yet; it is fitted on return.
    split : Split
        Of ``data``. The model may be evaluated on this data by the same split afterwards.
    network : Path, optional
        The descriptor's ONNX file, unless it is the bundled one.
    **fit_arguments
        Passed to ``hasher.fit``, for instance ``on_epoch``.

    Returns
    -------
    Model
        With ``training`` filled in.
    """
    began = time.monotonic()
    vectors, labels = data.train.vectors[split.fit], data.train.labels[split.fit]
    if data.validation is not None:
        rows = choice_rows(split, data.train.labels, data.validation.labels)
        vectors = np.concatenate([vectors, data.validation.vectors[rows]])
        labels = np.concatenate([labels, data.validation.labels[rows]])
        if len(rows) and "schedule" in hasher.get_params():
            fit_arguments["validation"] = np.arange(len(split.fit), len(labels))
    hasher.fit(vectors, labels, **fit_arguments)
    training = TrainingRecord(
        method=hasher.name,
        data=data.source,
        data_digest=data.train.digest,
        classes=len(data.classes),
        images=len(labels),
        protocol=split.protocol,
        split_seed=split.seed,
        seconds=round(time.monotonic() - began, 1),
        epochs=tuple(asdict(epoch) for epoch in getattr(hasher, "history_", ())),
    )
    return Model(hasher, data.descriptor.spec, data.descriptor, network=network, training=training)
