"""What a model costs: bytes an image, files, and seconds an image on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.codes import bytes_per_code
from hashlens.datasets.described import DescribedDataset
from hashlens.descriptors.default import default_descriptor, default_spec
from hashlens.errors import HashlensError
from hashlens.images import decode_image
from hashlens.model.model import Model

_VECTORS = 1000
"""Descriptors that are encoded at a time, as an indexing would."""
_IMAGES = 32
"""Images that are described: a fraction of a second with the bundled network."""


def size_figures(model: Model, folder: Path) -> dict[str, Any]:
    """Return bytes of a code, of the descriptor that it stands for, and of files.

    The bundled network is no part of a model directory, but a part of hashlens.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    bundled = None
    if model.spec.digest == default_spec().digest:
        bundled = default_descriptor().path.stat().st_size
    return {
        "bytes_per_image": bytes_per_code(model.bits),
        "descriptor_bytes_per_image": 4 * model.descriptor_dim,
        "model_files": {path.name: path.stat().st_size for path in files},
        "bundled_network_file": bundled,
    }


def speed_figures(model: Model, data: DescribedDataset, folder: Path) -> dict[str, Any]:
    """Return the seconds that an image takes, measured now.

    ``describe_seconds_per_image`` is of decoding the file and running the network as the model
    directory has it; None where no image is at hand. ``encode_seconds_per_image`` is of the hash
    alone, from the descriptor.
    """
    vectors = data.test.vectors[:_VECTORS]
    encode = _fastest(lambda: model.hasher.transform(vectors), 3) / len(vectors)
    describe, images = _describing(model, data, folder)
    return {
        "encode_seconds_per_image": encode,
        "encoded_at_a_time": len(vectors),
        "describe_seconds_per_image": describe,
        "described_images": images,
        "training_seconds": model.training.get("seconds"),
    }


def _describing(model: Model, data: DescribedDataset, folder: Path) -> tuple[float | None, int]:
    """Return seconds an image, and of how many, for decoding and describing some test images."""
    if data.dataset is None:
        return None, 0
    images, network = data.dataset.test, data.descriptor
    if model.network is not None:
        # Training may have described images with PyTorch; the model's users have ONNX Runtime.
        network = Model.load(folder).load_descriptor()
    count = min(_IMAGES, len(data.test.labels))
    rows = np.linspace(0, len(data.test.labels) - 1, count).astype(np.int64)
    indices = rows if data.test.indices is None else data.test.indices[rows]

    def work() -> None:
        network.describe(np.stack([decode_image(images.read(int(i)), model.fit) for i in indices]))

    try:
        # Twice, since the first run also loads the network.
        return _fastest(work, 2) / count, count
    except (HashlensError, OSError):
        return None, 0


def _fastest(work: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of the fastest run: the one that the machine disturbed the least."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
