"""A model as one ONNX file: decoded pixels in, packed codes out.

uint8 pixels → standardize → descriptor network → normalize → project → threshold → pack.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.codes import bytes_per_code
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import HashlensError, ParameterError
from hashlens.export.onnx_graph import GraphBuilder, Tensor, import_onnx
from hashlens.export.projections import add_projection
from hashlens.files.atomic import check_output, replacing
from hashlens.model.model import Model

INPUT, OUTPUT = "pixels", "codes"
BIT_ORDER = "bit 0 is the most significant bit of byte 0 (numpy.packbits)"
MIN_OPSET = 13
"""The first version in which ReduceSum takes its axes as an input."""

_NETWORK_PREFIX, _PREFIX = "descriptor/", "hashlens/"


def export_model(model: Model, path: Path) -> None:
    """Write a model as one ONNX file that runs without hashlens.

    Its input ``pixels`` is uint8 of shape (n, size, size, 3): RGB images, resized as the
    metadata entry ``preprocessing`` says. Its output ``codes`` is uint8 of shape (n, bits / 8). On
    the same runtime, they equal those of `Model.encode_pixels`.

    Parameters
    ----------
    model : Model
    path : Path
        An existing file is replaced.

    Raises
    ------
    MissingExtraError
        If the package onnx is not installed.
    ParameterError
        If the model's method or network can't be exported, or ``path`` is not a file.
    HashlensError
        If it can't be written, or if its codes differ from the model's.
    """
    check_output(path)
    proto = assemble(model, network_of(model))
    with replacing(path, follow_link=True) as partial:
        save_model(proto, partial)
        _check_codes(model, partial)


def network_of(model: Model) -> Path:
    """Return the ONNX file of a model's descriptor, its checksum verified.

    Raises
    ------
    ParameterError
        If the descriptor is not an ONNX file.
    """
    descriptor = model.load_descriptor()
    if not isinstance(descriptor, OnnxDescriptor):
        raise ParameterError(
            f"The descriptor {model.spec.name!r} is a {type(descriptor).__name__}, not an ONNX "
            "file. Save the model as a directory with its network, then export that."
        )
    return descriptor.path


def assemble(model: Model, network: Path, extra: dict[str, str] | None = None) -> Any:
    """Return the whole model as an ``onnx.ModelProto``.

    Parameters
    ----------
    model : Model
    network : Path
        The network of the descriptor, or its quantized form.
    extra : dict, optional
        Additional metadata.
    """
    onnx = import_onnx()
    proto = _load_network(onnx, network)
    graph = proto.graph
    source, features = graph.input[0].name, graph.output[0].name
    before, after = GraphBuilder(f"{_PREFIX}in/"), GraphBuilder(f"{_PREFIX}out/")
    inputs = _standardize(before, model.spec)
    before.nodes[-1].output[0] = source
    assert inputs != source  # the network's names have a prefix of their own
    vectors = _normalize(after, features, model.spec)
    _pack(after, add_projection(after, model.hasher, vectors), model.bits)
    after.nodes[-1].output[0] = OUTPUT
    nodes = [*before.nodes, *graph.node, *after.nodes]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*before.initializers, *after.initializers])
    size, width = model.spec.input_size, bytes_per_code(model.bits)
    value = onnx.helper.make_tensor_value_info
    graph.input.append(value(INPUT, onnx.TensorProto.UINT8, ["n", size, size, 3]))
    graph.output.append(value(OUTPUT, onnx.TensorProto.UINT8, ["n", width]))
    graph.name = "hashlens"
    proto.producer_name, proto.producer_version = "hashlens", version("hashlens")
    onnx.helper.set_model_props(proto, metadata(model) | (extra or {}))
    return proto


def metadata(model: Model) -> dict[str, str]:
    """Return the metadata of an exported model; docs/export.md explains it."""
    spec = model.spec
    return {
        "hashlens_version": version("hashlens"),
        "bits": str(model.bits),
        "bit_order": BIT_ORDER,
        "model_digest": model.digest,
        "method": model.hasher.name,
        "descriptor": spec.name,
        "license": spec.license,
        "source": spec.source,
        "preprocessing": json.dumps(
            {
                "channels": "RGB",
                "layout": "NHWC",
                "dtype": "uint8",
                "size": spec.input_size,
                "fit": spec.fit,
                "shorter_side": spec.image_fit.shorter_side,
                "interpolation": spec.interpolation,
                "antialias": True,
            },
            allow_nan=False,
        ),
    }


def save_model(proto: Any, path: Path) -> None:
    """Check a model and write it.

    Raises
    ------
    HashlensError
        If it is not a valid ONNX model, for instance because it exceeds 2 GB.
    OSError
        If it can't be written.
    """
    onnx = import_onnx()
    try:
        onnx.checker.check_model(proto)
        data = proto.SerializeToString()
    except Exception as error:
        raise HashlensError(f"The model can't be one ONNX file: {error}") from error
    path.write_bytes(data)


def open_session(path: Path, threads: int = 0) -> Any:
    """Return an ONNX Runtime session on the CPU; by default with one thread per core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _load_network(onnx: Any, path: Path) -> Any:
    """Return the network under unique names, in a version that has all operators used here."""
    try:
        proto = onnx.load(path)
        opset = next(o.version for o in proto.opset_import if o.domain in ("", "ai.onnx"))
        if opset < MIN_OPSET:
            proto = onnx.version_converter.convert_version(proto, MIN_OPSET)
    except Exception as error:
        raise HashlensError(f"{path} can't be joined with the hash: {error}") from error
    # Old files list their weights among the inputs.
    weights = {tensor.name for tensor in proto.graph.initializer}
    inputs = [value for value in proto.graph.input if value.name not in weights]
    del proto.graph.input[:]
    proto.graph.input.extend(inputs)
    proto.ir_version = max(proto.ir_version, 8)
    return onnx.compose.add_prefix(proto, _NETWORK_PREFIX)


def _standardize(graph: GraphBuilder, spec: DescriptorSpec) -> Tensor:
    """`hashlens.descriptors.base.standardize`, in the same order of float32 operations."""
    scale = (1 / np.asarray(spec.std)).astype(np.float32).reshape(3, 1, 1)
    shift = (-np.asarray(spec.mean) / np.asarray(spec.std)).astype(np.float32).reshape(3, 1, 1)
    planes = graph.apply("Transpose", graph.to_float(INPUT), perm=[0, 3, 1, 2])
    scaled = graph.apply("Mul", planes, graph.constant(scale))
    return graph.apply("Add", scaled, graph.constant(shift))


def _normalize(graph: GraphBuilder, x: Tensor, spec: DescriptorSpec) -> Tensor:
    """`hashlens.descriptors.base.normalize`."""
    if spec.normalization == "l2":
        wide = graph.to_double(x)
        length = graph.apply("Sqrt", graph.sum_rows(graph.apply("Mul", wide, wide)))
        least = graph.constant(np.finfo(np.float32).tiny)
        return graph.apply("Div", x, graph.apply("Max", graph.to_float(length), least))
    if spec.normalization == "sigmoid":
        half, one = graph.constant(np.float32(0.5)), graph.constant(np.float32(1))
        risen = graph.apply("Add", graph.apply("Tanh", graph.apply("Mul", x, half)), one)
        return graph.apply("Mul", risen, half)
    return x


def _pack(graph: GraphBuilder, projected: Tensor, bits: int) -> Tensor:
    """`hashlens.codes.pack` of projected > 0; sums of powers of two are exact in float32."""
    on = graph.apply("Greater", projected, graph.constant(np.float32(0)))
    octets = graph.reshape(graph.to_float(on), 0, bytes_per_code(bits), 8)
    weights = graph.constant(2.0 ** np.arange(7, -1, -1, dtype=np.float32))
    return graph.to_bytes(graph.apply("MatMul", octets, weights))


def _check_codes(model: Model, path: Path) -> None:
    """Compare the codes of a few images of noise with the model's."""
    size = model.spec.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    expected, _ = model.encode_pixels(pixels)
    found = open_session(path).run([OUTPUT], {INPUT: pixels})[0]
    differing = int(np.bitwise_count(expected ^ found).sum())
    # Rounding may flip a bit whose projection is very close to zero.
    if differing > 1:
        raise HashlensError(
            f"The codes of the exported model differ from the model's: {differing} of "
            f"{expected.size * 8} bits differ. Nothing was written."
        )
