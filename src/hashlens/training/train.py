"""Describe a labelled data set, and train a hasher on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hashlens.descriptors import Descriptor
from hashlens.descriptors.cache import DescriptorCache
from hashlens.descriptors.features import DescribedImages, describe_images
from hashlens.encoder import Encoder
from hashlens.evaluation import make_split
from hashlens.hashers import Hasher
from hashlens.images.data_check import DataCheck
from hashlens.images.datasets import Dataset

OnImages = Callable[[str, int, int], None]
"""Called with the part ("train" or "test") and how many of how many images are described."""


@dataclass(frozen=True)
class DescribedDataset:
    """A data set's descriptors.

    Attributes
    ----------
    train, test : DescribedImages
    classes : tuple of str
    source : str
    descriptor : Descriptor
    dataset : Dataset, optional
        The images themselves, where they are at hand.
    check : DataCheck, optional
        What was found when they were looked at.
    """

    train: DescribedImages
    test: DescribedImages
    classes: tuple[str, ...]
    source: str
    descriptor: Descriptor
    dataset: Dataset | None = None
    check: DataCheck | None = None


def describe_dataset(
    dataset: Dataset, descriptor: Descriptor, cache: Path, on_images: OnImages | None = None
) -> DescribedDataset:
    """Return the descriptors of both parts of a data set, from the cache where they are there.

    Parameters
    ----------
    dataset : Dataset
    descriptor : Descriptor
    cache : Path
        Folder of descriptor caches.
    on_images : callable, optional
    """
    with DescriptorCache(cache, descriptor.spec) as kept:
        train, test = (
            describe_images(images, descriptor, kept, on_images and partial(on_images, part))
            for part, images in (("train", dataset.train), ("test", dataset.test))
        )
    return DescribedDataset(train, test, dataset.classes, dataset.source, descriptor, dataset)


def train_encoder(
    data: DescribedDataset,
    hasher: Hasher,
    protocol: str = "standard",
    seed: int = 0,
    network: Path | None = None,
    **fit_arguments: Any,
) -> Encoder:
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
    Encoder
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
    return Encoder(
        hasher, data.descriptor.spec, data.descriptor, network=network, training=training
    )
