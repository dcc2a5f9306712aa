"""Describe a labeled data set, and train a hasher on it."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.protocols import make_split
from hashlens.hashers import Hasher
from hashlens.model.model import Model


def train_model(
    data: DescribedDataset,
    hasher: Hasher,
    protocol: str = "standard",
    seed: int = 0,
    network: Path | None = None,
    **fit_arguments: Any,
) -> Model:
    """Fit a hasher on the part of the training set that a protocol allows.

    Parameters
    ----------
    data : DescribedDataset
    hasher : Hasher
        Not fitted yet.
    protocol : {"standard", "heldout", "unseen"}
        Under which the model may be evaluated on this data afterwards: see `make_split`.
    seed : int
        Of the protocol's split.
    network : Path, optional
        The descriptor's ONNX file, where it is not the bundled one.
    **fit_arguments
        Passed to ``hasher.fit``, as ``on_epoch``.

    Returns
    -------
    Model
        With ``training`` filled in.
    """
    split = make_split(protocol, data.train.labels, data.test.labels, seed)
    began = time.monotonic()
    hasher.fit(data.train.vectors[split.fit], data.train.labels[split.fit], **fit_arguments)
    training: dict[str, Any] = {
        "method": hasher.name,
        "data": data.source,
        "data_digest": data.train.digest,
        "classes": len(data.classes),
        "images": len(split.fit),
        "protocol": protocol,
        "split_seed": seed,
        "seconds": round(time.monotonic() - began, 1),
    }
    history = getattr(hasher, "history_", None)
    if history:
        training["epochs"] = [asdict(epoch) for epoch in history]
    return Model(hasher, data.descriptor.spec, data.descriptor, network=network, training=training)
