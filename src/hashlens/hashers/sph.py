"""Spherical hashing (Heo et al. 2012): a bit is the inside of a hypersphere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.hashers.base import Floats, Hasher
from hashlens.hashers.linear import column_means, project_centred, row_blocks
from hashlens.hashers.parameters import check_int, check_random_state, check_real

SAMPLES_PER_PIVOT = 5
"""How many random vectors a pivot is at first the mean of (section 3.3)."""

RUNAWAY = 1e4
"""Multiple of the first pivots past which pivots no longer repel each other but fly off.

It takes data most of which is one and the same vector: no spheres share just a quarter of it.
"""


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
        Centres of the spheres, relative to the mean.
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
        check_real(self.mean_tolerance, "mean_tolerance", caller, 0)
        check_real(self.deviation_tolerance, "deviation_tolerance", caller, 0)
        moves = check_int(self.max_iterations, "max_iterations", caller, 1)
        rng = check_random_state(self.random_state, caller)
        self.mean_ = column_means(vectors)
        start = _first_pivots(vectors, self.mean_, self.bits, rng)
        span = _Span.of(vectors, self.mean_, start)
        mixture = np.eye(self.bits)
        for self.iterations_ in range(moves + 1):
            overlaps = span.overlaps(mixture)
            self.overlap_error_, self.overlap_deviation_ = overlap_figures(overlaps, len(vectors))
            if self.iterations_ == moves or (
                self.overlap_error_ <= self.mean_tolerance
                and self.overlap_deviation_ <= self.deviation_tolerance
            ):
                break
            moved = mixture @ pivot_moves(overlaps, len(vectors))
            if np.abs(moved).max() > RUNAWAY:
                break
            mixture = moved
        self.pivots_ = (start @ mixture).astype(np.float32)
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
            centred = X[rows].astype(np.float64) - self.mean_
            lengths = np.einsum("nd,nd->n", centred, centred)
            inside[rows] = offsets + 2 * (centred @ pivots) - lengths[:, None]
        return inside

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return r² − ‖x − mean − p‖², positive inside: float32 of shape (n, bits)."""
        return self._inside(self._check_input(X)).astype(np.float32)


@dataclass(frozen=True)
class _Span:
    """Distances of the data to points in the span of the first pivots, without going back to D.

    A pivot moves along differences of pivots, so it stays a mixture P₀ m of the first ones, and
    ‖x − P₀ m‖² = ‖x‖² − 2 (xP₀) m + mᵀ (P₀ᵀP₀) m needs only the n×K products xP₀.
    """

    lengths: Floats
    products: Floats
    gram: npt.NDArray[np.float64]

    @classmethod
    def of(cls, X: Floats, mean: Floats, start: npt.NDArray[np.float64]) -> Self:
        lengths = np.empty(len(X), dtype=np.float32)
        for rows in row_blocks(len(X)):
            centred = X[rows] - mean
            lengths[rows] = np.einsum("nd,nd->n", centred, centred)
        products = project_centred(X, mean, start.astype(np.float32))
        return cls(lengths, products, start.T @ start)

    def overlaps(self, mixture: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return o (K, K): the vectors in both of two spheres, each around half of the data."""
        squares = np.einsum("ik,ij,jk->k", mixture, self.gram, mixture, optimize=True)
        distances = self.products @ (-2 * mixture).astype(np.float32)
        distances += self.lengths[:, None]
        distances += squares.astype(np.float32)
        by_pivot = np.ascontiguousarray(distances.T)
        half = len(by_pivot[0]) // 2
        radii = np.partition(by_pivot, half - 1, axis=1)[:, half - 1]
        inside = (by_pivot <= radii[:, None]).astype(np.float32)
        # Counts below 2²⁴ are exact in float32.
        return np.asarray(inside @ inside.T, dtype=np.float64)


def _first_pivots(
    X: Floats, mean: Floats, bits: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the means of five random vectors each, relative to ``mean``: (D, bits)."""
    picks = np.stack(
        [rng.choice(len(X), min(SAMPLES_PER_PIVOT, len(X)), replace=False) for _ in range(bits)]
    )
    return np.asarray(X[picks].mean(axis=1, dtype=np.float64).T - mean[:, None])


def overlap_figures(overlaps: npt.NDArray[np.float64], count: int) -> tuple[float, float]:
    """Return mean |o_ij − N/4| and the standard deviation of o_ij over i < j, as shares of N/4."""
    quarter = count / 4
    pairs = overlaps[np.triu_indices(len(overlaps), 1)]
    return float(np.abs(pairs - quarter).mean() / quarter), float(pairs.std() / quarter)


def pivot_moves(overlaps: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """Return T such that the pivots P (D, K) move to P T.

    p_i += f_i with f_i = (1/K) Σ_j ½ · (o_ij − N/4) / (N/4) · (p_i − p_j).

    Parameters
    ----------
    overlaps : float64 array of shape (K, K)
        o_ij, how many vectors lie in both of two spheres.
    count : int
        N, the number of vectors.

    Returns
    -------
    float64 array of shape (K, K)
    """
    quarter = count / 4
    force = 0.5 * (overlaps - quarter) / quarter / len(overlaps)
    np.fill_diagonal(force, 0.0)
    # for i: P_new[:, i] = P[:, i] + Σ_j force[i, j] (P[:, i] − P[:, j])
    return np.eye(len(overlaps)) + np.diag(force.sum(axis=1)) - force.T
