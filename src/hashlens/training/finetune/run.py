"""Fine-tune a descriptor's network together with a hasher: images in, a model out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from hashlens.arrays import Pixels
from hashlens.datasets.cached_images import CachedImages, digest_of, fill_cache
from hashlens.datasets.dataset import Dataset, JoinedImages, LabeledImages
from hashlens.datasets.descriptor_cache import DescriptorCache
from hashlens.datasets.protocols import choice_rows, make_split
from hashlens.descriptors import Descriptor, DescriptorSpec
from hashlens.errors import DataError, ParameterError
from hashlens.hashers import Hasher
from hashlens.images import Fit, decode_image
from hashlens.labels import label_set, occurring, training_targets
from hashlens.model.model import Model
from hashlens.model.training_record import TrainingRecord
from hashlens.training.finetune.activations import cache_activations
from hashlens.training.finetune.backbone import Backbone, load_backbone, normalized
from hashlens.training.finetune.batch_norms import revive_batch_norms
from hashlens.training.finetune.device import choose_device
from hashlens.training.finetune.export_tuned import export_tuned, verify_network
from hashlens.training.finetune.frozen_part import FrozenPart
from hashlens.training.finetune.tunable import TunableHead, check_tunable, tunable_head
from hashlens.training.finetune.tuned_network import TunedNetwork
from hashlens.training.finetune.tuning import Tuning
from hashlens.training.finetune.tuning_inputs import DecodedImages, Inputs, SelectedInputs
from hashlens.training.finetune.tuning_options import TuningOptions, Workplace
from hashlens.training.finetune.views import RECIPE
from hashlens.training.listener import SILENT, Listener

_VERIFIED = 64
"""Images on which the exported network is compared with PyTorch's."""
_STATISTICS = 16
"""Batches of 64 that batch norms' statistics are taken from."""


def finetune(
    dataset: Dataset,
    descriptor: Descriptor,
    hasher: Hasher,
    options: TuningOptions,
    place: Workplace,
    listener: Listener = SILENT,
) -> Model:
    """Fine-tune a network under a hasher's loss, and export both as a model.

    Parameters
    ----------
    dataset : Dataset
    descriptor : Descriptor
        The network to begin with.
    hasher : CodebookHasher or AutoencoderHasher
        Not fitted yet; it is fitted on return.
    options : TuningOptions
    place : Workplace
    listener : Listener, optional

    Returns
    -------
    Model
        Its descriptor is the tuned network in ONNX, which needs no PyTorch.

    Raises
    ------
    ParameterError, DataError, HashlensError
        If the network or the method can't be tuned, the data does not suffice, the disk is full,
        or the exported network differs from the trained one.
    """
    device = choose_device(options.device)
    check_tunable(hasher)
    backbone = load_backbone(descriptor)
    blocks = _tuned_blocks(backbone, options)
    prefix, suffix = backbone.cut(blocks)
    # A head for all labels, discarded again: what it refuses is refused before the long work.
    _network(suffix, hasher, backbone.spec, _classes(dataset, options))
    _make_folder(place.folder)
    frozen = FrozenPart(prefix, backbone.spec, device, options.crops) if len(prefix) else None
    images = _with_validation(dataset)
    inputs, held = _inputs(images, descriptor, frozen, options, place, listener)
    in_train = int((held.indices < len(dataset.train)).sum())
    labels = images.labels[held.indices]
    split = make_split(options.protocol, labels[:in_train], dataset.test.labels, options.split_seed)
    chosen_by = in_train + choice_rows(split, labels[:in_train], labels[in_train:])
    rows = np.concatenate([split.fit, chosen_by])
    targets, classes = training_targets(labels[rows])
    part = SelectedInputs(inputs, rows)
    _revive(suffix, part, len(split.fit))
    tuning = Tuning(
        *_network(suffix, hasher, backbone.spec, classes),
        part,
        targets,
        options.seed,
        device,
        options.regularization,
        place.checkpoint,
        _facts(held, descriptor, hasher, options, len(chosen_by)),
        listener.on_epoch,
        np.arange(len(split.fit), len(rows)) if len(chosen_by) else None,
    )
    tuning.run()
    tuning.head.finish()
    whole = nn.Sequential(*prefix.cpu(), *suffix).eval()
    tuned = export_tuned(whole, backbone.spec, place.folder / "descriptor.onnx", dataset.source)
    cosine = verify_network(whole, tuned, hasher, _pixels(images, held, tuned.spec.image_fit))
    training = TrainingRecord(
        method=hasher.name,
        data=dataset.source,
        data_digest=digest_of(
            (key, label_set(images.labels, int(index)))
            for key, index in zip(held.keys[:in_train], held.indices, strict=False)
        ),
        classes=classes,
        images=len(rows),
        protocol=options.protocol,
        split_seed=options.split_seed,
        seconds=round(tuning.history[-1].seconds, 1),
        epochs=tuple(asdict(epoch) for epoch in tuning.history),
        details=_details(options, blocks, cosine, tuning.kept),
    )
    return Model(hasher, tuned.spec, tuned, network=tuned.path, training=training)


def _tuned_blocks(backbone: Backbone, options: TuningOptions) -> int | None:
    """Return how many blocks are tuned; None is everything."""
    if options.tune == "all":
        return None
    return max(1, len(backbone.blocks) // 2) if options.blocks is None else options.blocks


def _classes(dataset: Dataset, options: TuningOptions) -> int:
    """Return the number of classes that may be trained on."""
    labels = dataset.train.labels
    fit = make_split(options.protocol, labels, dataset.test.labels, options.split_seed).fit
    return len(occurring(labels[fit]))


def _with_validation(dataset: Dataset) -> LabeledImages:
    """Return the training images, followed by the validation images if there are any."""
    if dataset.validation is None:
        return dataset.train
    return JoinedImages([dataset.train, dataset.validation])


def _make_folder(folder: Path) -> None:
    """Make the folder for checkpoints, before any work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(
            f"The folder {folder}, for the checkpoints of the training, can't be made: "
            f"{error.strerror}. Choose another place for the model."
        ) from error


def _inputs(
    images: LabeledImages,
    descriptor: Descriptor,
    frozen: FrozenPart | None,
    options: TuningOptions,
    place: Workplace,
    listener: Listener,
) -> tuple[Inputs, CachedImages]:
    """Return activations of the frozen part or, if there is none, the images that can be read."""
    if frozen is not None:
        return cache_activations(images, frozen, place.cache, listener)
    # Describing them tells which can be read, and the next run looks that up.
    kept = DescriptorCache(place.cache, descriptor.spec)
    held = fill_cache(images, descriptor, kept, listener.on_progress, "train", listener.on_message)
    return DecodedImages(images, held.indices, descriptor.spec, options.crops), held


def _network(
    suffix: nn.Module, hasher: Hasher, spec: DescriptorSpec, classes: int
) -> tuple[TunedNetwork, TunableHead]:
    """Put a head on the tuned part."""
    if classes < 2:
        raise DataError("Fine-tuning needs labels of at least 2 classes. Got only one.")
    # Vectors of unit length have small entries; layers learn best from entries around 1.
    scale = spec.dimension**-0.5 if spec.normalization == "l2" else 1.0
    head = tunable_head(hasher, spec.dimension, classes, scale)
    return TunedNetwork(
        suffix, head.network, lambda x: normalized(x, spec.normalization) / scale
    ), head


def _revive(suffix: nn.Module, inputs: SelectedInputs, count: int) -> None:
    """Give batch norms the statistics of their inputs."""
    rows = np.random.default_rng(0).permutation(count)[: 64 * _STATISTICS]
    batches = np.split(rows, range(64, len(rows), 64))
    revive_batch_norms(suffix, [inputs.gather(some, np.zeros_like(some)) for some in batches])


def _facts(
    held: CachedImages,
    descriptor: Descriptor,
    hasher: Hasher,
    options: TuningOptions,
    chosen_by: int,
) -> str:
    """Return the digest of all that determines the outcome of the training."""
    decisive = {
        "data": held.digest,
        # The order of the rows, which the digest of the data does not cover.
        "order": hashlib.sha256(b"".join(held.keys)).hexdigest(),
        "descriptor": descriptor.spec.digest,
        "views": RECIPE,
        "hasher": [hasher.name, hasher.get_params()],
        "options": {k: v for k, v in asdict(options).items() if k != "device"},
    }
    if chosen_by:
        decisive["validation"] = chosen_by
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def _pixels(images: LabeledImages, held: CachedImages, fit: Fit) -> Pixels:
    """Return the pixels of some images, spread over the data set."""
    count = min(_VERIFIED, len(held.indices))
    some = held.indices[np.linspace(0, len(held.indices) - 1, count).astype(np.int64)]
    return np.stack([decode_image(images.read(int(index)), fit) for index in some])


def _details(
    options: TuningOptions, blocks: int | None, cosine: float, kept: int
) -> dict[str, Any]:
    return {
        "tune": options.tune,
        "crops": options.crops,
        "regularization": asdict(options.regularization),
        "tuned_blocks": blocks,
        "export_cosine": cosine,
        "kept_epoch": kept,
    }
