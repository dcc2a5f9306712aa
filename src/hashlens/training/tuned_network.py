"""A tuned network as an ONNX file with its spec, verified against PyTorch before it is used."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hashlens.descriptors import DescriptorSpec, Pixels
from hashlens.descriptors.base import standardise
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import HashlensError, MissingExtraError
from hashlens.hashers import Hasher
from hashlens.training.backbone import normalised

_LEAST_COSINE = 0.9999
_NEAR_ZERO = 1e-3
"""A bit may differ where its value is this much of the bits' standard deviation from 0."""


def export_network(
    network: nn.Module, spec: DescriptorSpec, path: Path, source: str
) -> OnnxDescriptor:
    """Write a network from pixels to features as ONNX; return it as a descriptor.

    Parameters
    ----------
    network : nn.Module
        On the CPU, in evaluation mode.
    spec : DescriptorSpec
        Of the descriptor before it was tuned.
    path : Path
        The file to write.
    source : str
        Of the data, for people.

    Raises
    ------
    MissingExtraError
        If onnx or onnxscript are not installed.
    """
    example = torch.zeros((2, 3, spec.input_size, spec.input_size))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["pixels"],
                output_names=["descriptor"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                opset_version=18,
            )
        path.write_bytes(program.model_proto.SerializeToString(deterministic=True))
    except ImportError as error:
        raise MissingExtraError("Fine-tuning a network", error.name or "onnx", "train") from None
    tuned = replace(
        spec,
        name=f"{spec.name}.tuned",
        weights_sha256=file_sha256(path),
        source=f"{spec.source}; fine-tuned on {source}",
    )
    return OnnxDescriptor(path, tuned)


@torch.inference_mode()  # type: ignore[untyped-decorator]
def verify_network(
    network: nn.Module, descriptor: OnnxDescriptor, hasher: Hasher, pixels: Pixels
) -> float:
    """Return the least cosine between the ONNX file's vectors and PyTorch's on images.

    Raises
    ------
    HashlensError
        If vectors or codes differ by more than rounding.
    """
    spec = descriptor.spec
    features = network(torch.from_numpy(standardise(pixels, spec)))
    expected = normalised(features, spec.normalisation).numpy()
    found = descriptor.describe(pixels)
    least = float(_cosines(expected, found).min())
    wanted, given = hasher.project(expected), hasher.project(found)
    clear = np.abs(wanted) > _NEAR_ZERO * wanted.std()
    differing = int((((wanted > 0) != (given > 0)) & clear).sum())
    if not least >= _LEAST_COSINE or differing:
        raise HashlensError(
            f"The exported network does not give what PyTorch gives on {len(pixels)} images: the "
            f"least cosine is {least:.6f}, expected {_LEAST_COSINE}, and {differing} bits differ. "
            "Nothing was saved; the checkpoint is kept."
        )
    return least


def _cosines(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    found: npt.NDArray[np.float32] = (a * b).sum(axis=1) / np.maximum(lengths, 1e-12)
    return found
