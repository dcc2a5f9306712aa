"""Restore the batch norms that an export has folded into convolutions: tuning needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hashlens.arrays import Floats
from hashlens.errors import DataError, MissingExtraError

_SHORTEST = 1e-6
"""Least norm of a filter; filters with a smaller one are dead and stay nearly zero."""


def fill_folded(network: nn.Module, path: Path, name: str) -> None:
    """Fill a network with the convolutions of an ONNX file, which has them in the same order.

    The file's batch norms are folded into its convolutions, whose filters have norms from 0.1 to
    14. One learning rate can't suit them all, because under a batch norm an update turns a filter
    in inverse proportion to its squared norm (T. van Laarhoven, "L2 regularization versus batch and
    weight normalization", 2017, section 2). So filters get norm 1 here, and the network's batch
    norms restore their norms and add the bias; `revive_batch_norms` gives them statistics again.
    """
    found = _convolutions(path)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    shapes = [tuple(weight.shape) for weight, _ in found]
    expected = [tuple(layer.weight.shape) for layer in layers]
    if shapes != expected:
        at = next((i for i, (a, b) in enumerate(zip(shapes, expected, strict=False)) if a != b), 0)
        raise DataError(
            f"{path} holds another architecture than {name}, which alone can be fine-tuned from "
            f"ONNX: it has {len(shapes)} convolutions, expected {len(expected)}; number {at + 1} "
            f"has the shape {shapes[at] if shapes else None}, expected {expected[at]}. Use "
            "timm:NAME, with local weights, for other networks."
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


def _convolutions(path: Path) -> list[tuple[Floats, Floats]]:
    """Return the weights and biases of an ONNX file's convolutions, in the order of the graph."""
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


@torch.inference_mode()  # type: ignore[untyped-decorator]
def revive_batch_norms(suffix: nn.Module, batches: list[Tensor]) -> None:
    """Give batch norms the statistics of their inputs, without changing what they compute.

    After folding, a batch norm's statistics say nothing about its inputs, and training, which uses
    those of the batch, would begin from a function other than the descriptor.

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
