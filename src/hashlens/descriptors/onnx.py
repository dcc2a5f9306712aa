"""Descriptors that run in ONNX Runtime: the bundled one, and any other ONNX file."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from hashlens.arrays import Pixels, Vectors
from hashlens.descriptors.base import Descriptor
from hashlens.descriptors.onnx_file import check_self_contained, read_network
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError, FormatError
from hashlens.files.versioned_json import read_object
from hashlens.native import thread_count

_BATCH = 4
"""Images per run: few, so that no core waits long for another at the end of a batch."""


class OnnxDescriptor(Descriptor):
    """A descriptor from an ONNX file: one float32 input (n, 3, s, s), one output (n, D).

    Parameters
    ----------
    path : Path
        The ONNX file.
    spec : DescriptorSpec
        The specification of the network.
    threads : int, optional
        CPU threads. Default: the environment's ``HASHLENS_THREADS``, or all cores.
    sha256 : str, optional
        The file's checksum, in hexadecimal, if it was exported from weights in another form.
        Default: ``spec.weights_sha256``.
    is_ours : bool
        Whether the file comes with hashlens, so that its checksum says all about it.

    Raises
    ------
    FormatError
        If the file is missing or damaged, keeps weights in another file, or its checksum or shapes
        differ from the spec. A file may leave the length of its output open; it is then checked
        when the network runs.
    """

    def __init__(
        self,
        path: Path,
        spec: DescriptorSpec,
        threads: int | None = None,
        sha256: str | None = None,
        *,
        is_ours: bool = False,
    ) -> None:
        import onnxruntime

        data = read_network(path)
        found = hashlib.sha256(data).hexdigest()
        expected = sha256 or spec.weights_sha256
        if found != expected:
            raise FormatError(
                f"{path} is not the network of descriptor {spec.name!r}: expected SHA-256 "
                f"{expected}, got {found}. The file is damaged or was replaced."
            )
        if not is_ours:
            check_self_contained(data, path)
        # One thread per run, and several runs in parallel: threads within a run would spin while
        # waiting for each other, and take the cores from those that decode the next images.
        self._threads = threads or thread_count()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="hashlens-describe")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        # Other formats, which the checks above do not know, are not even tried.
        options.add_session_config_entry("session.load_model_format", "ONNX")
        try:
            self._session = onnxruntime.InferenceSession(
                data,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # which prints, and tries the same once more
            )
        except Exception as error:
            raise FormatError(f"ONNX Runtime can't load {path}: {error}") from error
        self.path = path
        self.spec = spec
        self._check_shapes()

    def describe(self, pixels: Pixels) -> Vectors:
        """Return the descriptors of decoded images; see `Descriptor.describe`."""
        if not len(pixels):
            return super().describe(pixels)
        size = min(_BATCH, -(-len(pixels) // self._threads))
        parts = [pixels[start : start + size] for start in range(0, len(pixels), size)]
        return np.concatenate(list(self._pool.map(super().describe, parts)))

    def run(self, inputs: Vectors) -> Vectors:
        """Return the network's raw output (n, dimension) for inputs (n, 3, size, size).

        Raises
        ------
        FormatError
            If the network fails, or its output has an unexpected shape.
        """
        name = self._session.get_inputs()[0].name
        try:
            vectors = cast(Vectors, self._session.run(None, {name: inputs})[0])
        except Exception as error:
            raise FormatError(f"ONNX Runtime can't run {self.path}: {error}") from error
        expected = (len(inputs), self.spec.dimension)
        if vectors.shape != expected:
            raise FormatError(
                f"{self.path} does not have the shapes of its spec: expected an output of "
                f"{expected} for {len(inputs)} images, got {vectors.shape}."
            )
        return vectors

    def _check_shapes(self) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        size, dimension = self.spec.input_size, self.spec.dimension
        fits = (
            len(inputs) == len(outputs) == 1
            and inputs[0].type == outputs[0].type == "tensor(float)"
            and _matches(inputs[0].shape, (None, 3, size, size))
            and _matches(outputs[0].shape, (None, dimension))
        )
        if not fits:
            raise FormatError(
                f"{self.path} does not have the shapes of its spec: expected one float32 input "
                f"(n, 3, {size}, {size}) and one float32 output (n, {dimension}); got "
                f"{[(i.type, i.shape) for i in inputs]} and {[(o.type, o.shape) for o in outputs]}."
            )


def _matches(shape: list[int | str | None], expected: tuple[int | None, ...]) -> bool:
    """Compare shapes; a symbolic size matches anything, and the batch size must be symbolic."""
    return len(shape) == len(expected) and all(
        not isinstance(size, int) or size == wanted
        for size, wanted in zip(shape, expected, strict=True)
    )


def load_onnx_descriptor(path: Path, threads: int | None = None) -> OnnxDescriptor:
    """Load ``FILE.onnx`` with its spec, the JSON file ``FILE.json`` beside it.

    Raises
    ------
    FormatError, DataError
        If the spec is missing, or does not match the file.
    """
    return OnnxDescriptor(path, read_spec(path.with_suffix(".json")), threads)


def read_spec(path: Path) -> DescriptorSpec:
    """Read a `DescriptorSpec` from JSON."""
    try:
        values = read_object(path)
    except FileNotFoundError:
        raise DataError(
            f"A descriptor in ONNX needs its spec in {path}: a JSON object with the fields of "
            "hashlens.descriptors.DescriptorSpec."
        ) from None
    return DescriptorSpec.from_dict(values, path)
