"""The forward pass of a fitted perceptron in numpy, so that encoding does not need PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.math.projection import row_blocks

Layer = tuple[Floats, Floats]
"""Weights of shape (in, out) and bias of shape (out,)."""
Activation = Callable[[Doubles], Doubles]


def relu(z: Doubles) -> Doubles:
    """Return max(z, 0)."""
    return np.maximum(z, 0.0)


def project_perceptron(
    X: Floats, mean: Floats, layers: Sequence[Layer], activation: Activation
) -> Floats:
    """Return the output of the last layer for X − mean, before any activation.

    Sums are computed in float64, so that a vector gets the same code alone and in a batch.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    mean : float32 array of shape (D,)
    layers : sequence of (weights, bias)
        From the first layer to the last, which gives the code.
    activation : callable
        Applied between layers, on float64 arrays.

    Returns
    -------
    float32 array of shape (n, K)

    Examples
    --------
    >>> identity, zero = np.eye(2, dtype=np.float32), np.zeros(2, np.float32)
    >>> project_perceptron(np.float32([[1, -2]]), zero, [(identity, zero)] * 2, relu)
    array([[1., 0.]], dtype=float32)
    """
    wide = [(weights.astype(np.float64), bias.astype(np.float64)) for weights, bias in layers]
    out = np.empty((len(X), wide[-1][0].shape[1]), dtype=np.float32)
    for rows in row_blocks(len(X)):
        h = X[rows].astype(np.float64) - mean
        for weights, bias in wide[:-1]:
            h = activation(h @ weights + bias)
        out[rows] = h @ wide[-1][0] + wide[-1][1]
    return out
