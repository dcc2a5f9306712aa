"""A tuned network as an ONNX file with its spec, verified against PyTorch before it is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hashlens.arrays import Pixels
from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.base import standardize
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.descriptors.torch_export import LEAST_COSINE, export_network, least_cosine
from hashlens.errors import HashlensError
from hashlens.hashers import Hasher
from hashlens.training.finetune.backbone import normalized

_NEAR_ZERO = 1e-3
"""A bit may differ if its value is this close to 0, in standard deviations of the values."""


def export_tuned(
    network: nn.Module, spec: DescriptorSpec, path: Path, source: str
) -> OnnxDescriptor:
    """Write a network from pixels to features as ONNX, and return it as a descriptor.

    Parameters
    ----------
    network : nn.Module
        On the CPU, in evaluation mode.
    spec : DescriptorSpec
        Spec of the descriptor before it was tuned.
    path : Path
        The file to write.
    source : str
        The data, for people.

    Raises
    ------
    MissingExtraError, DataError, HashlensError
        See `hashlens.descriptors.torch_export.export_network`.
    """
    export_network(network, spec.input_size, path)
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
    features = network(torch.from_numpy(standardize(pixels, spec)))
    expected = normalized(features, spec.normalization).numpy()
    found = descriptor.describe(pixels)
    least = least_cosine(found, expected)
    wanted, given = hasher.project(expected), hasher.project(found)
    clear = np.abs(wanted) > _NEAR_ZERO * wanted.std()
    differing = int((((wanted > 0) != (given > 0)) & clear).sum())
    if not least >= LEAST_COSINE or differing:
        raise HashlensError(
            f"The exported network does not give what PyTorch gives on {len(pixels)} images: the "
            f"least cosine is {least:.6f}, expected {LEAST_COSINE}, and {differing} bits differ. "
            "Nothing was saved; the checkpoint is kept."
        )
    return least
