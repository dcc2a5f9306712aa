"""Within-class whitening, and bits in the whitened space for classes not seen in training."""

from __future__ import annotations

import numpy as np

from hashlens.arrays import AnyLabels, Floats
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.math.rotation import fit_rotation, random_rotation
from hashlens.labels import rarest_label

ITERATIONS = 50
"""Iterations of ITQ; the loss hardly falls after them."""


def within_class_whitening(X: Floats, y: AnyLabels, shrinkage: float = 1.0) -> Floats:
    """Return (S + shrinkage · mean eigenvalue of S · I)^−½, with S the within-class covariance.

    Directions that vary within the training classes are likely to vary within other classes too.
    Multiplying vectors by this matrix damps them, so that nearest neighbors share a class more
    often, also for classes not seen in training. If no class has two different vectors, the
    identity is returned.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    y : int64 array of shape (n,), or bool array of shape (n, classes)
        If an image has several labels, its rarest one counts.
    shrinkage : float

    Returns
    -------
    float32 array of shape (D, D)
        Symmetric.

    References
    ----------
    A. O. Hatch, S. Kajarekar, A. Stolcke, "Within-class covariance normalization for SVM-based
    speaker recognition", Interspeech 2006; the shrinkage toward a multiple of I is ours.

    Examples
    --------
    >>> X = np.float32([[0, 3], [0, -3], [5, 3], [5, -3]])
    >>> within_class_whitening(X, np.array([0, 0, 1, 1])).round(2)
    array([[0.47, 0.  ],
           [0.  , 0.27]], dtype=float32)
    """
    order = np.argsort(rarest_label(y), kind="stable")
    _, starts, sizes = np.unique(rarest_label(y)[order], return_index=True, return_counts=True)
    vectors = X[order].astype(np.float64)
    vectors -= np.repeat(np.add.reduceat(vectors, starts) / sizes[:, None], sizes, axis=0)
    values, directions = np.linalg.eigh(vectors.T @ vectors / len(vectors))
    if values.mean() <= 0:
        return np.eye(X.shape[1], dtype=np.float32)
    scales = 1 / np.sqrt(values.clip(min=0) + shrinkage * values.mean())
    return np.asarray((directions * scales) @ directions.T, np.float32)


def whitened_directions(
    X: Floats, y: AnyLabels, bits: int, random_state: int, shrinkage: float = 3.0
) -> tuple[Floats, Floats]:
    """Return weights and bias of ITQ in the whitened space: bit = [x · w + b > 0].

    Parameters
    ----------
    X : float32 array of shape (n, D)
    y : int64 array of shape (n,), or bool array of shape (n, classes)
    bits : int
        A multiple of 8, at most n and D.
    random_state : int
    shrinkage : float

    Returns
    -------
    weights : float32 array of shape (D, bits)
    bias : float32 array of shape (bits,)
    """
    whitening = within_class_whitening(X, y, shrinkage)
    whitened = X @ whitening
    pca = PCA.fit(whitened, bits)
    start = random_rotation(bits, np.random.default_rng(random_state))
    rotation, _ = fit_rotation(pca.project(whitened), start, ITERATIONS)
    weights = (pca.axes @ rotation).astype(np.float32)
    return whitening @ weights, -(pca.mean @ weights)
