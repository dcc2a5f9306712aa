"""Spherical hashing (Heo et al. 2012): a bit is the inside of a hypersphere."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.linear import column_means, row_blocks
from hashlens.hashers.methods.sph_pivots import Span, Tolerances, first_pivots, settle
from hashlens.hashers.parameters import check_int, check_random_state, check_real


class SphericalHashing(Hasher):
    """Bit = inside of a hypersphere that holds half of the data and a quarter with any other.

    K pivots begin as means of five random vectors, with radii that enclose half of the data.
    Pivots whose spheres share more than a quarter of the data repel each other, those that share
    less attract; radii follow. So bits become balanced and pairwise independent.

    Codes may be ranked by the spherical Hamming distance, |a xor b| / |a and b|, which is what the
    paper proposes (`hashlens.evaluation.evaluate_spherical`), or by the plain Hamming distance,
    which every index here uses.

    It takes any number of bits, also more than dimensions, and any number of training vectors from
    two on. Where all vectors are the same every bit is 0. Where most are, no balanced spheres exist
    and fitting ends early.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    mean_tolerance : float, default 0.1
        Fitting ends when the mean of |o_ij − N/4| is at most this share of N/4, and
    deviation_tolerance : float, default 0.15
        the standard deviation of o_ij at most this share; o_ij counts the vectors in both spheres.
    max_iterations : int, default 100
        Cap on the moves of the pivots.
    random_state : int or None, default 0
        Seed of the first pivots; None draws others at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    pivots_ : float32 array of shape (D, K)
        Centers of the spheres, relative to the mean.
    squared_radii_ : float64 array of shape (K,)
        bit = [‖x − mean − p‖² < r²].
    iterations_ : int
        Moves made.
    overlap_error_, overlap_deviation_ : float
        The two figures of the stopping rule at the end, as shares of N/4. Not saved.

    References
    ----------
    J.-P. Heo, Y. Lee, J. He, S.-F. Chang, S.-E. Yoon, "Spherical hashing", CVPR 2012, algorithm 1.
    A radius lies half way between the N/2-th and the next distance, so that no training vector is
    on the surface, where rounding would decide its bit.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 32))
    >>> SphericalHashing(bits=16).fit_transform(X).shape
    (200, 2)
    """

    name: ClassVar[str] = "sph"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "pivots_", "squared_radii_")

    mean_: Floats
    pivots_: Floats
    squared_radii_: npt.NDArray[np.float64]
    iterations_: int
    overlap_error_: float
    overlap_deviation_: float

    def __init__(
        self,
        bits: int = 64,
        mean_tolerance: float = 0.1,
        deviation_tolerance: float = 0.15,
        max_iterations: int = 100,
        random_state: int | None = 0,
    ) -> None:
        self.bits = bits
        self.mean_tolerance = mean_tolerance
        self.deviation_tolerance = deviation_tolerance
        self.max_iterations = max_iterations
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Place the spheres; ``y`` is ignored.

        Raises
        ------
        ParameterError
            If a tolerance is negative or ``max_iterations`` is no positive int.
        """
        vectors, _ = self._check_training(X, y)
        caller = type(self).__name__
        tolerances = Tolerances(
            check_real(self.mean_tolerance, "mean_tolerance", caller, 0),
            check_real(self.deviation_tolerance, "deviation_tolerance", caller, 0),
            check_int(self.max_iterations, "max_iterations", caller, 1),
        )
        rng = check_random_state(self.random_state, caller)
        self.mean_ = column_means(vectors)
        start = first_pivots(vectors, self.mean_, self.bits, rng)
        settled = settle(Span.of(vectors, self.mean_, start), tolerances)
        self.iterations_ = settled.iterations
        self.overlap_error_, self.overlap_deviation_ = settled.error, settled.deviation
        self.pivots_ = (start @ settled.mixture).astype(np.float32)
        self._set_radii(vectors)
        return self

    def _set_radii(self, X: Floats) -> None:
        self.squared_radii_ = np.zeros(self.bits)
        distances = -self._inside(X)
        half = len(X) // 2
        nearest = np.partition(distances, [half - 1, half], axis=0)
        self.squared_radii_ = (nearest[half - 1] + nearest[half]) / 2

    def _inside(self, X: Floats) -> npt.NDArray[np.float64]:
        """Return r² − ‖x − mean − p‖² in float64: float32 would decide bits by rounding."""
        pivots = self.pivots_.astype(np.float64)
        offsets = self.squared_radii_ - np.einsum("dk,dk->k", pivots, pivots)
        inside = np.empty((len(X), self.bits))
        for rows in row_blocks(len(X)):
            centered = X[rows].astype(np.float64) - self.mean_
            lengths = np.einsum("nd,nd->n", centered, centered)
            inside[rows] = offsets + 2 * (centered @ pivots) - lengths[:, None]
        return inside

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return r² − ‖x − mean − p‖², positive inside: float32 of shape (n, bits)."""
        return self._inside(self._check_input(X)).astype(np.float32)
