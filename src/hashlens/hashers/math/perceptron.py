"""The forward pass of a fitted perceptron in numpy, so that encoding needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.hashers.math.linear import row_blocks

Layer = tuple[Floats, Floats]
"""Weights of shape (in, out) and bias of shape (out,)."""
Activation = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


def relu(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return max(z, 0)."""
    return np.maximum(z, 0.0)


def project_perceptron(
    X: Floats, mean: Floats, layers: Sequence[Layer], activation: Activation
) -> Floats:
    """Return what the last layer gives for X − mean, without an activation of its own.

    Sums are taken in float64, so that a vector's code is the same alone and in a batch.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    mean : float32 array of shape (D,)
    layers : sequence of (weights, bias)
        From the first to the last, which gives the code.
    activation : callable
        Between layers, on float64 arrays.

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
