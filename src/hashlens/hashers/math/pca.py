"""Principal component analysis, the first step of many hashers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.math.projection import column_means, project_centered, row_blocks


@dataclass(frozen=True)
class PCA:
    """The principal directions of a set of vectors.

    Attributes
    ----------
    mean : float32 array of shape (D,)
    axes : float32 array of shape (D, count)
        Orthonormal columns by falling variance. The largest entry of a column is positive, since
        the sign of an eigenvector is arbitrary and codes must not depend on the LAPACK in use. A
        direction without variance is a zero column, so that its projection is 0 instead of
        rounding noise.
    variances : float64 array of shape (count,)
        Variance along each axis, falling.
    """

    mean: Floats
    axes: Floats
    variances: Doubles

    @classmethod
    def fit(cls, X: Floats, count: int) -> Self:
        """Find the first ``count`` directions (at most D) of ``X`` (n, D).

        Examples
        --------
        >>> pca = PCA.fit(np.float32([[0, 0], [2, 2], [4, 4]]), 1)
        >>> [round(float(entry), 3) for entry in pca.axes[:, 0]]
        [0.707, 0.707]
        """
        mean = column_means(X)
        variances, axes = np.linalg.eigh(covariance(X, mean))
        variances, axes = variances[::-1][:count], axes[:, ::-1][:, :count]
        variances = np.maximum(variances, 0.0)
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        # The vectors are float32: below 1e-5 of the largest deviation, there is only rounding.
        axes[:, variances <= 1e-10 * variances[0]] = 0.0
        return cls(mean, np.ascontiguousarray(axes, dtype=np.float32), variances)

    def project(self, X: Floats) -> Floats:
        """Return the coordinates of ``X`` (n, D) along the axes: float32 (n, count)."""
        return project_centered(X, self.mean, self.axes)


def covariance(X: Floats, mean: Floats) -> Doubles:
    """Return (1/n) Σ (x − mean)(x − mean)ᵀ, float64 of shape (D, D), without copying ``X``."""
    dimensions = X.shape[1]
    total = np.zeros((dimensions, dimensions))
    for rows in row_blocks(len(X)):
        centered = X[rows].astype(np.float64) - mean
        total += centered.T @ centered
    return total / len(X)
