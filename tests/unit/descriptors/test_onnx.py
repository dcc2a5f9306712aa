"""Descriptors in ONNX: what they compute, and what a wrong file says."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from linear_network import DIMENSION, SIZE, make_network
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

from hashlens.descriptors import load_descriptor
from hashlens.descriptors.base import normalize
from hashlens.descriptors.default import NETWORK, default_descriptor
from hashlens.descriptors.onnx_file import _CHILDREN, check_self_contained
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
    with pytest.raises(FormatError, match="is not an ONNX model"):
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


def refer_to_another_file(network, location="weights.bin"):
    """Move the weights of a network into a file beside it, and stamp the spec with its checksum."""
    model = onnx.load(network)
    tensor = model.graph.initializer[0]
    (network.parent / "weights.bin").write_bytes(tensor.raw_data)
    set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    stamp(network, model.SerializeToString())


def stamp(network, data):
    network.write_bytes(data)
    values = json.loads(network.with_suffix(".json").read_text())
    values["weights_sha256"] = file_sha256(network)
    network.with_suffix(".json").write_text(json.dumps(values))


@pytest.mark.parametrize("location", ["weights.bin", "../secret", "/etc/passwd"])
def test_weights_in_another_file_are_refused(network, location):
    refer_to_another_file(network, location)
    with pytest.raises(FormatError, match="keeps weights in another file"):
        load_descriptor(f"onnx:{network}")


def message_paths():
    """Yield each field of ONNX that leads to a tensor: kind of message, number, kind there."""
    kinds = {
        "ModelProto": "model",
        "TrainingInfoProto": "training",
        "FunctionProto": "function",
        "GraphProto": "graph",
        "NodeProto": "node",
        "AttributeProto": "attribute",
        "SparseTensorProto": "sparse tensor",
        "TensorProto": "tensor",
    }
    for name, kind in kinds.items():
        for field in getattr(onnx, name).DESCRIPTOR.fields:
            if field.message_type is not None and field.message_type.name in kinds:
                yield kind, field.number, kinds[field.message_type.name]


def test_every_field_that_leads_to_a_tensor_is_looked_into():
    known = {
        (kind, number, to) for kind, fields in _CHILDREN.items() for number, to in fields.items()
    }
    assert known == set(message_paths())


def test_tensors_in_nested_graphs_and_functions_are_found():
    tensor = onnx.TensorProto(data_location=onnx.TensorProto.EXTERNAL)
    inner = onnx.GraphProto(sparse_initializer=[onnx.SparseTensorProto(values=tensor)])
    node = onnx.NodeProto(attribute=[onnx.AttributeProto(graphs=[inner])])
    for model in (
        onnx.ModelProto(graph=onnx.GraphProto(node=[node])),
        onnx.ModelProto(functions=[onnx.FunctionProto(node=[node])]),
    ):
        with pytest.raises(FormatError, match="another file"):
            check_self_contained(model.SerializeToString(), Path("network.onnx"))


@pytest.mark.parametrize("data", [b"\x3a\xff\xff\xff\xff\x0f", b"\x0b", b"\x80", b"\xff" * 12])
def test_a_file_that_is_not_in_the_format_is_refused(data):
    with pytest.raises(FormatError, match="is not an ONNX model"):
        check_self_contained(data, Path("network.onnx"))


def test_a_network_that_fails_when_it_runs_says_so(network):
    model = onnx.load(network)
    for number, (sizes, node) in enumerate([((5, -1), "flat"), ((-1, 3 * SIZE * SIZE), "odd")]):
        sizes = numpy_helper.from_array(np.array(sizes, np.int64), f"sizes{number}")
        model.graph.initializer.append(sizes)
        names = ["odd", "even"]
        reshape = helper.make_node("Reshape", [node, sizes.name], [names[number]])
        model.graph.node.insert(1 + number, reshape)
    model.graph.node[3].input[0] = "even"
    stamp(network, model.SerializeToString())
    with pytest.raises(FormatError, match="ONNX Runtime can't run"):
        load_descriptor(f"onnx:{network}").describe(np.zeros((2, SIZE, SIZE, 3), np.uint8))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("weights_sha256", 5),
        ("input_size", 1 << 20),
        ("dimension", 1 << 40),
        ("fit", ["squash"]),
        ("crop_fraction", "1"),
        ("crop_fraction", 0),
        ("interpolation", "nearest"),
        ("mean", [10**400, 1, 1]),
        ("normalization", {}),
        ("license", 1.5),
    ],
)
def test_a_spec_with_a_value_of_another_kind_is_refused(network, field, value):
    spec = network.with_suffix(".json")
    spec.write_text(json.dumps(json.loads(spec.read_text()) | {field: value}))
    with pytest.raises(FormatError):
        load_descriptor(f"onnx:{network}")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"dimension": NaN}', "[]", '{"dimension": 1e999}']
)
def test_a_spec_that_is_not_json_is_refused(network, text):
    network.with_suffix(".json").write_text(text)
    with pytest.raises(FormatError, match="JSON"):
        load_descriptor(f"onnx:{network}")
