"""Export a PyTorch network to an ONNX file with the same descriptors (extra ``train``)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hashlens.arrays import Vectors
from hashlens.errors import DataError, MissingExtraError
from hashlens.files.atomic import replacing

LEAST_COSINE = 0.9999
"""Minimum cosine between a file's descriptors and the network's."""

_OPSET = 18


class FeatureMap(nn.Module):
    """The feature map of a timm network's last convolutional layer, flattened to (n, D)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the features of pixels (n, 3, s, s)."""
        features: Tensor = self.network.forward_features(pixels)
        return features.flatten(1)


def export_network(network: nn.Module, input_size: int, path: Path) -> None:
    """Write a network as an ONNX file, and verify it with ONNX Runtime.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode, on the CPU; maps pixels (n, 3, s, s) to descriptors (n, D).
    input_size : int
        s, in pixels.
    path : Path
        Written completely or not at all.

    Raises
    ------
    MissingExtraError
        If onnx or onnxscript is not installed.
    DataError
        If the network can't be exported to ONNX, or the file's descriptors differ.
    HashlensError
        If the file can't be written.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise MissingExtraError("Exporting a network", "onnxscript", "train") from None
    example = torch.randn(4, 3, input_size, input_size, generator=torch.Generator().manual_seed(0))
    with replacing(path) as partial:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = torch.onnx.export(
                    network,
                    (example[:2],),
                    dynamo=True,
                    verbose=False,
                    input_names=["pixels"],
                    output_names=["descriptor"],
                    dynamic_shapes=({0: torch.export.Dim("n")},),
                    opset_version=_OPSET,
                )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise DataError(f"The network can't be exported to ONNX: {error}") from error
        assert program is not None  # always, with dynamo
        partial.write_bytes(program.model_proto.SerializeToString(deterministic=True))
        with torch.inference_mode():
            expected = network(example).numpy()
        cosine = least_cosine(_run(partial, example.numpy()), expected)
        if not cosine >= LEAST_COSINE:
            raise DataError(
                f"The network's descriptors in ONNX differ from PyTorch's: cosine {cosine:.6f}"
                f", expected at least {LEAST_COSINE}. The file was not kept."
            )


def least_cosine(found: Vectors, expected: Vectors) -> float:
    """Return the minimum cosine between corresponding rows of two arrays (n, D)."""
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    tiny = np.finfo(np.float32).tiny
    return float(((found * expected).sum(axis=1) / np.maximum(lengths, tiny)).min())


def _run(path: Path, inputs: Vectors) -> Vectors:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: Vectors = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    return found
