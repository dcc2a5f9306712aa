"""Descriptors in ONNX: what they compute, and what a wrong file says."""

import json

import numpy as np
import onnx
import pytest
from linear_network import DIMENSION, SIZE, make_network
from onnx import numpy_helper

from hashlens.descriptors import load_descriptor
from hashlens.descriptors.base import normalize
from hashlens.descriptors.default import NETWORK, default_descriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import DataError, FormatError, ParameterError


def test_describe_standardizes_and_runs_the_network(network):
    pixels = np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3)).astype(np.uint8)
    weights = numpy_helper.to_array(onnx.load(network).graph.initializer[0])
    standard = (pixels - np.array([10.0, 20.0, 30.0])) / np.array([40.0, 50.0, 60.0])
    expected = standard.transpose(0, 3, 1, 2).reshape(5, -1) @ weights
    found = load_descriptor(f"onnx:{network}").describe(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_batches_of_any_size_give_the_same_vectors(network):
    pixels = np.random.default_rng(1).integers(0, 256, (70, SIZE, SIZE, 3)).astype(np.uint8)
    descriptor = load_descriptor(f"onnx:{network}")
    alone = np.concatenate([descriptor.describe(pixels[i : i + 1]) for i in range(70)])
    np.testing.assert_allclose(descriptor.describe(pixels), alone, rtol=1e-5, atol=1e-5)
    assert descriptor.describe(pixels[:0]).shape == (0, DIMENSION)


def test_normalize_gives_unit_length_or_values_in_0_1():
    vectors = np.array([[3.0, 4.0], [0.0, 0.0], [-800.0, 800.0]], np.float32)
    np.testing.assert_allclose(normalize(vectors, "l2")[0], [0.6, 0.8], rtol=1e-6)
    assert np.isfinite(normalize(vectors, "l2")).all()
    np.testing.assert_allclose(normalize(vectors, "sigmoid")[1:], [[0.5, 0.5], [0.0, 1.0]])


def test_a_changed_file_is_refused(network):
    network.write_bytes(network.read_bytes() + b"\0")
    with pytest.raises(FormatError, match="damaged or was replaced"):
        load_descriptor(f"onnx:{network}")


def test_a_file_of_other_shapes_is_refused(tmp_path):
    path = tmp_path / "linear.onnx"
    spec = make_network(path, size=9)
    values = spec.to_dict() | {"input_size": 8}
    path.with_suffix(".json").write_text(json.dumps(values))
    with pytest.raises(FormatError, match=r"expected one float32 input \(n, 3, 8, 8\)"):
        load_descriptor(f"onnx:{path}")


@pytest.mark.parametrize("dimension", [3 * SIZE * SIZE // 2, 6 * SIZE * SIZE])
def test_an_output_of_open_length_is_held_to_its_spec_when_it_is_run(network, dimension):
    model = onnx.load(network)
    # The pixels themselves, of whatever size: only a run tells how many.
    del model.graph.node[1]
    model.graph.node[0].output[0] = "descriptor"
    for value in (model.graph.input[0], model.graph.output[0]):
        for size in value.type.tensor_type.shape.dim[1:]:
            size.dim_param = f"{value.name} size"
    onnx.save(model, network)
    values = json.loads(network.with_suffix(".json").read_text())
    values |= {"weights_sha256": file_sha256(network), "dimension": dimension}
    network.with_suffix(".json").write_text(json.dumps(values))
    pixels = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    with pytest.raises(FormatError, match=rf"expected an output of .*{dimension}\) .*, got"):
        load_descriptor(f"onnx:{network}").describe(pixels)


def test_a_file_that_is_no_network_is_refused(network):
    values = json.loads(network.with_suffix(".json").read_text())
    network.write_bytes(b"not onnx")
    values["weights_sha256"] = file_sha256(network)
    network.with_suffix(".json").write_text(json.dumps(values))
    with pytest.raises(FormatError, match="ONNX Runtime can't load"):
        load_descriptor(f"onnx:{network}")


def test_a_missing_spec_is_explained(network):
    network.with_suffix(".json").unlink()
    with pytest.raises(DataError, match="needs its spec"):
        load_descriptor(f"onnx:{network}")


@pytest.mark.parametrize("name", ["vgg", "onnx:", "tim:vgg16", ""])
def test_an_unknown_kind_of_descriptor_is_refused(name):
    with pytest.raises(ParameterError, match="'default', 'onnx:FILE' or 'timm:NAME'"):
        load_descriptor(name)


def test_the_bundled_descriptor_gives_1280_dimensions_of_unit_length():
    pixels = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    vectors = default_descriptor().describe(pixels)
    assert vectors.shape == (2, 1280)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_the_bundled_network_is_under_10_megabytes():
    assert NETWORK.stat().st_size < 10e6
