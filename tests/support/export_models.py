"""Tiles of real photographs, and models with a network so small that each test is instant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.hashers import create_hasher
from hashlens.model.model import Model

SIZE, DIMENSION = 16, 3 * 8 * 8

SMALL: dict[str, dict[str, Any]] = {
    "kmh": {"iterations": 5},
    "splh": {"labeled": 100},
    "dh": {"epochs": 3},
    "sdh": {"epochs": 3},
    "dlbhc": {"schedule": {"epochs": 2, "batch_size": 32}},
    "autoencoder": {
        "architecture": {"descriptor_units": 32},
        "schedule": {"epochs": 2, "batch_size": 32},
    },
    "codebook": {"hidden": 32, "schedule": {"epochs": 2, "batch_size": 32}},
    "bre": {"samples": 120, "anchors": 5, "sweeps": 2},
}
"""Parameters that keep a fit short."""


def photograph_tiles(size: int, step: int) -> np.ndarray:
    """Return tiles, uint8 (n, size, size, 3), of photographs that scikit-image ships."""
    data = pytest.importorskip("skimage.data")
    tiles = []
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        photograph = getattr(data, name)()
        rows, columns = (range(0, length - size + 1, step) for length in photograph.shape[:2])
        tiles += [photograph[r : r + size, c : c + size] for r in rows for c in columns]
    return np.stack(tiles)


def write_pooling_network(path: Path, opset: int = 18) -> None:
    """Write a network (n, 3, 16, 16) → (n, 192) that mixes squares of 2 × 2 pixels."""
    onnx = pytest.importorskip("onnx")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    weights = np.random.default_rng(0).standard_normal((3, 3, 2, 2)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["pooled"], ["y"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "pooling",
        [helper.make_tensor_value_info("x", floats, ["n", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("y", floats, ["n", DIMENSION])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)


def pooling_model(
    folder: Path, method: str = "itq", normalization: str = "l2", opset: int = 18, **params: Any
) -> Model:
    """Return a model of 32 bits, fitted on tiles, with the pooling network."""
    network = folder / f"pooling-{opset}.onnx"
    write_pooling_network(network, opset)
    spec = DescriptorSpec(
        name="pooling",
        weights_sha256=file_sha256(network),
        input_size=SIZE,
        fit="squash",
        crop_fraction=1.0,
        interpolation="bicubic",
        mean=(123.7, 116.3, 103.5),
        std=(58.4, 57.1, 57.4),
        dimension=DIMENSION,
        normalization=normalization,
        license="CC0-1.0",
        source="a test",
    )
    descriptor = OnnxDescriptor(network, spec, threads=1)
    vectors = descriptor.describe(photograph_tiles(SIZE, 45))
    labels = np.arange(len(vectors)) * 4 // len(vectors)
    hasher = create_hasher(method, 32, **(SMALL.get(method, {}) | params)).fit(vectors, labels)
    return Model(hasher, spec, descriptor, network=network)
