"""A descriptor's network in PyTorch, as a chain that can be cut into a frozen and a tuned part."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from hashlens.descriptors import Descriptor, DescriptorSpec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.errors import DataError, MissingExtraError, ParameterError

TWIN = "tf_efficientnet_lite0"
"""The model of timm whose layers are those of the bundled network."""

_SAME = 0.999
"""Least cosine of what the file and its rebuilt network give, and of chain and whole network."""

_SHORTEST = 1e-6
"""Filters of a smaller norm are dead, and are left all but zero."""


@dataclass(frozen=True, slots=True)
class Backbone:
    """A network as a chain of units, each of which takes only the one before it.

    Attributes
    ----------
    units : list of nn.Module
        From pixels to features; the features may need to be flattened.
    blocks : list of int
        Which units are blocks, in order: those that hold convolutions and more; in a chain of bare
        convolutions, as VGG is, these too.
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
            If there are not so many blocks.
        """
        if tuned is None:
            return nn.Sequential(), nn.Sequential(*self.units, nn.Flatten())
        if not 1 <= tuned < len(self.blocks):
            raise ParameterError(
                f"{self.spec.name} has {len(self.blocks)} blocks, of which 1 to "
                f"{len(self.blocks) - 1} can be tuned. Got {tuned}; --tune all tunes everything."
            )
        first = self.blocks[-tuned]
        return nn.Sequential(*self.units[:first]), nn.Sequential(*self.units[first:], nn.Flatten())


def load_backbone(descriptor: Descriptor) -> Backbone:
    """Return the network of a descriptor, with the descriptor's weights: a copy, on the CPU.

    Raises
    ------
    MissingExtraError
        If timm is not installed.
    ParameterError
        If the network is no chain of units.
    DataError
        If an ONNX file holds another architecture than the bundled network's.
    """
    try:
        import timm
    except ImportError:
        raise MissingExtraError("Fine-tuning a network", "timm", "train") from None
    if isinstance(descriptor, OnnxDescriptor):
        network = timm.create_model(TWIN, pretrained=False, num_classes=0).eval()
        _fill(network, descriptor.path)
        _check_same(network, descriptor)
    else:
        network = getattr(descriptor, "network", None)
        if network is None or getattr(descriptor, "output", "pooled") == "trunk":
            raise ParameterError(
                f"The descriptor {descriptor.spec.name!r} can't be fine-tuned. Expected 'default', "
                "'timm:NAME' (pooled or sigmoid) or an onnx: file of the bundled architecture."
            )
    # The descriptor goes on describing with its own, on its device, whatever is tuned here.
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
    """Return which units hold a convolution among others; of mostly bare ones, all that hold one.

    A network of blocks has a bare convolution before them and perhaps one behind; VGG has nothing
    but bare ones, and a composed layer at its end.
    """
    holding = [i for i, u in enumerate(units) if any(isinstance(m, nn.Conv2d) for m in u.modules())]
    composed = [index for index in holding if not isinstance(units[index], nn.Conv2d)]
    return composed if 2 * len(composed) > len(holding) else holding


def _check_chain(network: nn.Module, units: list[nn.Module], spec: DescriptorSpec) -> None:
    """Refuse a network that is more than its units in a row, as vision transformers are."""
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


def _fill(network: nn.Module, path: Path) -> None:
    """Give a network the convolutions of an ONNX file, which holds them in the same order.

    The file's batch norms are folded into its convolutions: filters have norms from 0.1 to 14. One
    rate can't serve them all, for under a batch norm an update turns a filter by as much as the
    inverse of its squared norm (T. van Laarhoven, "L2 regularization versus batch and weight
    normalization", 2017, section 2). So filters get norm 1 here, and the network's batch norms give
    back the norms that they had and add the bias; `revive_batch_norms` makes them work again.
    """
    found = _convolutions(path)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    shapes = [tuple(weight.shape) for weight, _ in found]
    expected = [tuple(layer.weight.shape) for layer in layers]
    if shapes != expected:
        at = next((i for i, (a, b) in enumerate(zip(shapes, expected, strict=False)) if a != b), 0)
        raise DataError(
            f"{path} holds another architecture than {TWIN}, which alone can be fine-tuned from "
            f"ONNX: it has {len(shapes)} convolutions, expected {len(expected)}; number {at + 1} "
            f"has the shape {shapes[at] if shapes else None}, expected {expected[at]}. Use "
            "timm:NAME with --weights FILE for other networks."
        )
    with torch.no_grad():
        for layer, norm, (weight, bias) in zip(layers, norms, found, strict=True):
            filters = torch.from_numpy(weight)
            lengths = filters.flatten(1).norm(dim=1).clamp_min(_SHORTEST)
            layer.weight.copy_(filters / lengths.view(-1, 1, 1, 1))
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.zero_()
            norm.running_var.fill_(1.0)
            norm.weight.copy_(lengths * (1 + norm.eps) ** 0.5)
            norm.bias.copy_(torch.from_numpy(bias))


def _convolutions(path: Path) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Return weights and biases of an ONNX file's convolutions, in the order of the graph."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise MissingExtraError("Fine-tuning a network", "onnx", "train") from None
    graph: Any = onnx.load(path).graph
    known = {
        t.name: numpy_helper.to_array(t).astype(np.float32)
        for t in graph.initializer
        if t.data_type in (1, 10)
    }
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in known:
            known[node.output[0]] = known[node.input[0]]
    found = []
    for node in graph.node:
        if node.op_type == "Conv" and node.input[1] in known:
            weight = known[node.input[1]]
            bias = known.get(node.input[2]) if len(node.input) > 2 else None
            found.append((weight, np.zeros(len(weight), np.float32) if bias is None else bias))
    return found


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


@torch.inference_mode()  # type: ignore[untyped-decorator]
def revive_batch_norms(suffix: nn.Module, batches: list[Tensor]) -> None:
    """Give batch norms the statistics of their inputs, without a change of what they compute.

    After folding, a batch norm's statistics say nothing of its inputs, and training, which uses the
    batch's, would begin from another function than the descriptor.

    Parameters
    ----------
    suffix : nn.Module
    batches : list of Tensor
        Inputs of ``suffix``.
    """
    norms = [m for m in suffix.modules() if isinstance(m, nn.BatchNorm2d)]
    sums: dict[nn.Module, list[Tensor]] = {}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0].double()
        moments = [x.mean(dim=(0, 2, 3)), x.square().mean(dim=(0, 2, 3))]
        sums[norm] = (
            [a + b for a, b in zip(sums[norm], moments, strict=True)] if norm in sums else moments
        )

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    suffix.eval()
    for batch in batches:
        suffix(batch)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, square = (total / len(batches) for total in sums[norm])
        _restate(norm, mean, (square - mean.square()).clamp_min(0))


def _restate(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.double() + (mean - norm.running_mean.double()) * gain
    norm.weight.copy_(gain * (variance + norm.eps).sqrt())
    norm.bias.copy_(bias)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
