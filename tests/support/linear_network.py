"""A descriptor of a few numbers an image, exported to ONNX by hand, so that tests are quick."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.spec import file_sha256

SIZE, DIMENSION = 8, 12


def make_network(path: Path, size: int = SIZE, dimension: int = DIMENSION) -> DescriptorSpec:
    """Write a linear network (flatten, multiply) and its spec beside it."""
    weights = np.random.default_rng(0).standard_normal((3 * size * size, dimension))
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["descriptor"]),
        ],
        "linear",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, size, size])],
        [helper.make_tensor_value_info("descriptor", TensorProto.FLOAT, ["n", dimension])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    spec = DescriptorSpec(
        name="linear",
        weights_sha256=file_sha256(path),
        input_size=size,
        fit="squash",
        crop_fraction=1.0,
        interpolation="bilinear",
        mean=(10.0, 20.0, 30.0),
        std=(40.0, 50.0, 60.0),
        dimension=dimension,
        normalization="none",
        license="none",
        source="this test",
    )
    path.with_suffix(".json").write_text(json.dumps(spec.to_dict()))
    return spec
