"""Sequential projection learning for hashing (Wang, Kumar, Chang 2010)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats, Labels
from hashlens.errors import MissingExtraError
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.pca import covariance
from hashlens.hashers.math.projection import column_means, project_centered
from hashlens.hashers.parameters import check_int, check_random_state, check_real

LARGEST_FULL_EIGH = 256
"""Dimension up to which a full eigendecomposition is as fast as one Lanczos vector."""


class SPLH(Hasher):
    """Bit = the sign of a direction chosen to correct the pairs that earlier bits got wrong.

    Each direction w is the top eigenvector of XᵀX/n + η · X_lᵀ S X_l / L: the variance of all n
    vectors plus the agreement with the labels of L of them, with S_ij = 1 for pairs of the same
    class and −1 for others. Then the pairs whose projections have the wrong sign gain weight in S,
    and the variance along w is removed from X.

    It accepts any number of bits, also more than dimensions, and two or more training vectors.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    label_weight : float, default 0.2
        η, the weight of the labeled pairs relative to the variance.
    labeled : int, default 2000
        L, the number of training vectors drawn to form pairs; memory and time grow with L².
    random_state : int or None, default 0
        Seed of that draw; None draws new ones at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        W, unit columns; bit = [(x − mean) W > 0].

    References
    ----------
    J. Wang, S. Kumar, S.-F. Chang, "Sequential projection learning for hashing with compact codes",
    ICML 2010, algorithm 1. Deviations: both terms are averages, over n and L, so that η does not
    depend on the amount of data; the projected similarities S̃ are divided by their largest
    magnitude, so that a correction is as large as S whatever the scale of the vectors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(90) % 3
    >>> X = rng.standard_normal((90, 32)) + 3 * rng.standard_normal((3, 32))[y]
    >>> SPLH(bits=16).fit_transform(X, y).shape
    (90, 2)
    """

    name: ClassVar[str] = "splh"
    supervised: ClassVar[bool] = True
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK"}
    former_parameters: ClassVar[Mapping[str, str]] = {"labelled": "labeled"}

    mean_: Floats
    weights_: Floats

    def __init__(
        self,
        bits: int = 64,
        label_weight: float = 0.2,
        labeled: int = 2000,
        random_state: int | None = 0,
    ) -> None:
        self.bits = bits
        self.label_weight = label_weight
        self.labeled = labeled
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Learn one direction after another.

        Raises
        ------
        ParameterError
            If ``label_weight`` is negative or ``labeled`` is below 2.
        DataError
            If labels are missing or of one class only.
        """
        vectors, labels = self._check_training(X, y)
        assert labels is not None  # since `supervised` is set
        caller = type(self).__name__
        check_real(self.label_weight, "label_weight", caller, 0)
        rng = check_random_state(self.random_state, caller)
        count = min(check_int(self.labeled, "labeled", caller, 2), len(vectors))
        self.mean_ = column_means(vectors)
        drawn = np.sort(rng.choice(len(vectors), count, replace=False))
        pairs = LabeledPairs(vectors[drawn] - self.mean_, labels[drawn])
        variance = covariance(vectors, self.mean_)
        columns = []
        for _ in range(self.bits):
            direction = top_eigenvector(variance + self.label_weight * pairs.agreement())
            pairs.correct(direction)
            variance = deflate(variance, direction)
            columns.append(direction)
        self.weights_ = np.stack(columns, axis=1).astype(np.float32)
        return self

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) W: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)


class LabeledPairs:
    """The pairs of L labeled vectors and their similarity S, corrected after each bit.

    Parameters
    ----------
    vectors : float32 array of shape (L, D)
        X_l, centered.
    labels : int64 array of shape (L,)

    Attributes
    ----------
    similarity : float32 array of shape (L, L)
        S, initially 1 for pairs of the same class and −1 for others.
    """

    def __init__(self, vectors: Floats, labels: Labels) -> None:
        self.vectors = vectors
        self.similarity = np.where(labels[:, None] == labels, np.float32(1), np.float32(-1))

    def agreement(self) -> Doubles:
        """Return X_lᵀ S X_l / L: float64 of shape (D, D)."""
        product = self.vectors.T @ (self.similarity @ self.vectors)
        return product.astype(np.float64) / len(self.vectors)

    def correct(self, direction: Doubles) -> None:
        """Subtract the projected similarity S̃ from S wherever the two differ in sign."""
        projected = self.vectors @ direction.astype(np.float32)
        scale = np.abs(projected).max()
        if scale == 0:
            return
        projected /= scale
        projected_similarity = np.outer(projected, projected)
        wrong = self.similarity * projected_similarity < 0
        np.subtract(self.similarity, projected_similarity, out=self.similarity, where=wrong)


def deflate(variance: Doubles, direction: Doubles) -> Doubles:
    """Return the covariance of X − X w wᵀ, (I − wwᵀ) C (I − wwᵀ), for a unit vector w."""
    along = variance @ direction
    # a wᵀ + w aᵀ − (wᵀa) w wᵀ = b wᵀ + w bᵀ with b = a − ½ (wᵀa) w
    half = np.outer(along - 0.5 * (direction @ along) * direction, direction)
    return variance - half - half.T


def top_eigenvector(matrix: Doubles) -> Doubles:
    """Return the unit eigenvector of the algebraically largest eigenvalue of a symmetric matrix.

    Its largest entry is positive, so that the sign does not depend on the solver.
    """
    if len(matrix) <= LARGEST_FULL_EIGH:
        vector = np.linalg.eigh(matrix)[1][:, -1]
    else:
        try:
            from scipy.sparse.linalg import eigsh
        except ImportError as error:
            raise MissingExtraError("SPLH in more than 256 dimensions", "scipy", "train") from error
        # Products with a large matrix are bound by memory bandwidth: float32 halves the time.
        single = matrix.astype(np.float32)
        if not single.any():  # ARPACK can't start, and any direction will do.
            return np.eye(1, len(matrix)).ravel()
        # With few distinct eigenvalues, ARPACK restarts with vectors drawn from `rng`.
        rng = np.random.default_rng(0)
        start = rng.standard_normal(len(matrix), dtype=np.float32)
        vector = eigsh(single, k=1, which="LA", v0=start, tol=1e-5, ncv=40, rng=rng)[1][:, 0]
        vector = vector.astype(np.float64) / np.linalg.norm(vector.astype(np.float64))
    return np.asarray(vector * np.sign(vector[np.abs(vector).argmax()]))
