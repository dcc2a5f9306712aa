"""What a model costs: bytes per image, files, and seconds per image on this machine."""

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
from hashlens.model.folder import MANIFEST, read_manifest
from hashlens.model.loading import load_model
from hashlens.model.model import Model

_VECTORS = 1000
"""Number of descriptors encoded at a time, as indexing does."""
_IMAGES = 32
"""Number of images described: a fraction of a second with the bundled network."""


def size_figures(model: Model, folder: Path) -> dict[str, Any]:
    """Return the sizes of a code, of a descriptor and of the model's files, in bytes.

    The model's files are those that a search needs. The bundled network is part of hashlens and not
    of a model directory, so it is listed apart.
    """
    manifest = read_manifest(folder)
    files = [
        MANIFEST,
        manifest["arrays"],
        *([manifest["network"]] if "network" in manifest else []),
    ]
    bundled = None
    if model.spec.digest == default_spec().digest:
        bundled = default_descriptor().path.stat().st_size
    return {
        "bytes_per_image": bytes_per_code(model.bits),
        "descriptor_bytes_per_image": 4 * model.descriptor_dim,
        "model_files": {name: (folder / name).stat().st_size for name in files},
        "bundled_network_file": bundled,
    }


def speed_figures(model: Model, data: DescribedDataset, folder: Path) -> dict[str, Any]:
    """Return seconds per image, measured now.

    ``describe_seconds_per_image`` covers decoding the file and running the network of the model
    directory; it is None if the images can't be read. ``encode_seconds_per_image`` covers the hash
    alone, from descriptor to code.
    """
    vectors = data.test.vectors[:_VECTORS]
    encode = _fastest(lambda: model.hasher.transform(vectors), 3) / len(vectors)
    describe, images = _describing(model, data, folder)
    return {
        "encode_seconds_per_image": encode,
        "encoded_at_a_time": len(vectors),
        "describe_seconds_per_image": describe,
        "described_images": images,
        "training_seconds": None if model.training is None else model.training.seconds,
    }


def _describing(model: Model, data: DescribedDataset, folder: Path) -> tuple[float | None, int]:
    """Return the seconds per image for decoding and describing test images, and their number."""
    if data.dataset is None:
        return None, 0
    images, network = data.dataset.test, data.descriptor
    if model.network is not None:
        # Training may have used PyTorch; whoever uses the model runs ONNX Runtime.
        network = load_model(folder).load_descriptor()
    count = min(_IMAGES, len(data.test.labels))
    rows = np.linspace(0, len(data.test.labels) - 1, count).astype(np.int64)
    indices = rows if data.test.indices is None else data.test.indices[rows]

    def work() -> None:
        network.describe(np.stack([decode_image(images.read(int(i)), model.fit) for i in indices]))

    try:
        # The first run also loads the network.
        return _fastest(work, 2) / count, count
    except (HashlensError, OSError):
        return None, 0


def _fastest(work: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of the fastest run, which other processes disturbed the least."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
