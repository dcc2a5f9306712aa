"""The linear projection that hashers share, in blocks of rows and summed in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hashlens.arrays import Doubles, Floats

ROWS_PER_BLOCK = 4096
"""Rows processed at a time, so that float64 copies stay within tens of megabytes."""


def row_blocks(count: int, rows: int = ROWS_PER_BLOCK) -> Iterator[slice]:
    """Yield slices that cover ``count`` rows, ``rows`` at a time."""
    for start in range(0, count, rows):
        yield slice(start, min(start + rows, count))


def column_means(X: Floats) -> Floats:
    """Return the mean of every column of ``X`` (n, D), summed in float64: float32 (D,)."""
    mean: Doubles = X.mean(axis=0, dtype=np.float64)
    return mean.astype(np.float32)


def project_centered(X: Floats, mean: Floats, weights: Floats) -> Floats:
    """Return (X − mean) · weights.

    Products are summed in float64. BLAS sums one vector in a different order than a batch; in
    float32 this flips the bits of values near zero, and an image could fail to match its own code.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    mean : float32 array of shape (D,)
    weights : float32 array of shape (D, K)

    Returns
    -------
    float32 array of shape (n, K)

    Examples
    --------
    >>> project_centered(np.float32([[3, 5]]), np.float32([1, 1]), np.float32([[1, 0], [0, -1]]))
    array([[ 2., -4.]], dtype=float32)
    """
    out = np.empty((len(X), weights.shape[1]), dtype=np.float32)
    wide = weights.astype(np.float64)
    for rows in row_blocks(len(X)):
        out[rows] = (X[rows].astype(np.float64) - mean) @ wide
    return out
