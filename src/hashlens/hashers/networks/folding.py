"""Fold a batch norm into the linear layer before it, so that encoding needs only numpy."""

from __future__ import annotations

import numpy as np
from torch import nn

from hashlens.arrays import Doubles


def fold_batch_norm(layer: nn.Linear, norm: nn.Module | None = None) -> tuple[Doubles, Doubles]:
    """Return weights (in, out) and bias (out,) of a layer followed by its batch norm, if any."""
    weights = layer.weight.detach().double().numpy().T.copy()
    bias = np.zeros(len(layer.weight))
    if layer.bias is not None:
        bias += layer.bias.detach().double().numpy()
    if not isinstance(norm, nn.BatchNorm1d):
        return weights, bias
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = (norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()).numpy()
    shift = norm.bias.detach().double().numpy()
    return weights * gain, (bias - norm.running_mean.double().numpy()) * gain + shift
