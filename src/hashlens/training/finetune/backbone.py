"""A descriptor's network in PyTorch, as a chain that can be cut into a frozen and a tuned part."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from hashlens.descriptors import Descriptor, DescriptorSpec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.errors import DataError, MissingExtraError, ParameterError
from hashlens.training.finetune.batch_norms import fill_folded

TWIN = "tf_efficientnet_lite0"
"""The timm model with the same layers as the bundled network."""

_SAME = 0.999
"""Least cosine between the vectors of an ONNX file and those of the network rebuilt from it."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network as a chain of units, each of which takes only the output of the one before it.

    Attributes
    ----------
    units : list of nn.Module
        From pixels to features; the features may need to be flattened.
    blocks : list of int
        Positions of the units that are blocks, ascending: those that hold convolutions and more; in
        a chain of bare convolutions, such as VGG, these too.
    spec : DescriptorSpec
    """

    units: list[nn.Module]
    blocks: list[int]
    spec: DescriptorSpec

    def cut(self, tuned: int | None) -> tuple[nn.Sequential, nn.Sequential]:
        """Return the frozen units, and the tuned ones: the last ``tuned`` blocks and what follows.

        Parameters
        ----------
        tuned : int or None
            None tunes all.

        Raises
        ------
        ParameterError
            If there are not that many blocks.
        """
        if tuned is None:
            return nn.Sequential(), nn.Sequential(*self.units, nn.Flatten())
        if not 1 <= tuned < len(self.blocks):
            raise ParameterError(
                f"{self.spec.name} has {len(self.blocks)} blocks, of which 1 to "
                f"{len(self.blocks) - 1} can be tuned. Got {tuned}. To tune all of it, train with "
                "tune='all'."
            )
        first = self.blocks[-tuned]
        return nn.Sequential(*self.units[:first]), nn.Sequential(*self.units[first:], nn.Flatten())


def load_backbone(descriptor: Descriptor) -> Backbone:
    """Return a copy of a descriptor's network, with its weights, on the CPU.

    Raises
    ------
    MissingExtraError
        If timm is not installed.
    ParameterError
        If the network is not a chain of units.
    DataError
        If an ONNX file holds another architecture than the bundled network's.
    """
    try:
        import timm
    except ImportError:
        raise MissingExtraError("Fine-tuning a network", "timm", "train") from None
    if isinstance(descriptor, OnnxDescriptor):
        network = timm.create_model(TWIN, pretrained=False, num_classes=0).eval()
        fill_folded(network, descriptor.path, TWIN)
        _check_same(network, descriptor)
    else:
        network = getattr(descriptor, "network", None)
        if network is None or getattr(descriptor, "output", "pooled") == "trunk":
            raise ParameterError(
                f"The descriptor {descriptor.spec.name!r} can't be fine-tuned. Expected 'default', "
                "'timm:NAME' (pooled or sigmoid) or an onnx: file of the bundled architecture."
            )
    # A copy, because the descriptor keeps describing with its own network, on its device.
    network = copy.deepcopy(network).cpu().float().eval()
    units = _units(network)
    _check_chain(network, units, descriptor.spec)
    return Backbone(units, _blocks(units), descriptor.spec)


def normalized(features: Tensor, how: str) -> Tensor:
    """Return features (n, D) as `hashlens.descriptors.base.normalize` does."""
    if how == "l2":
        return functional.normalize(features)
    return torch.sigmoid(features) if how == "sigmoid" else features


def _units(network: nn.Module) -> list[nn.Module]:
    units: list[nn.Module] = []
    for child in network.children():
        units += _units(child) if type(child) is nn.Sequential else [child]
    return units


def _blocks(units: list[nn.Module]) -> list[int]:
    """Return the positions of the units that count as blocks.

    These are the units that hold a convolution among other layers; if most are bare convolutions,
    they count too. A network of blocks has a bare convolution before them and perhaps one after;
    VGG has only bare ones, and a composed layer at its end.
    """
    holding = [i for i, u in enumerate(units) if any(isinstance(m, nn.Conv2d) for m in u.modules())]
    composed = [index for index in holding if not isinstance(units[index], nn.Conv2d)]
    return composed if 2 * len(composed) > len(holding) else holding


def _check_chain(network: nn.Module, units: list[nn.Module], spec: DescriptorSpec) -> None:
    """Refuse a network that is more than a chain of its units, such as a vision transformer."""
    pixels = _noise(spec)
    with torch.inference_mode():
        try:
            chained = nn.Sequential(*units, nn.Flatten())(pixels)
            whole = network(pixels)
            same = chained.shape == whole.shape and torch.allclose(chained, whole, atol=1e-4)
        except (RuntimeError, TypeError, ValueError):
            same = False
    if not same:
        raise ParameterError(
            f"{spec.name} is not a chain of blocks, so it can't be fine-tuned. Convolutional "
            "networks are, such as timm's EfficientNets, ResNets and ConvNeXts."
        )


def _noise(spec: DescriptorSpec) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((2, 3, spec.input_size, spec.input_size), generator=generator)


def _check_same(network: nn.Module, descriptor: OnnxDescriptor) -> None:
    pixels = _noise(descriptor.spec)
    with torch.inference_mode():
        rebuilt = network(pixels)
    cosine = functional.cosine_similarity(rebuilt, torch.from_numpy(descriptor.run(pixels.numpy())))
    if not cosine.min() > _SAME:
        raise DataError(
            f"{descriptor.path} has the convolutions of {TWIN} but gives other vectors: their "
            f"cosine is {cosine.min():.4f}, expected 1. It can't be fine-tuned from ONNX."
        )
