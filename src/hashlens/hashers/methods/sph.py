"""Spherical hashing (Heo et al. 2012): a bit is the inside of a hypersphere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.projection import column_means, project_centered, row_blocks
from hashlens.hashers.parameters import check_int, check_random_state, check_real

SAMPLES_PER_PIVOT = 5
"""Number of random vectors whose mean is an initial pivot (section 3.3)."""

RUNAWAY = 1e4
"""Multiple of the initial pivots beyond which pivots have escaped instead of settling.

This happens only if most vectors are identical: then no spheres share just a quarter of them.
"""


class SphericalHashing(Hasher):
    """Bit = inside a hypersphere that holds half of the data and shares a quarter with any other.

    K pivots p start as means of five random vectors each, with radii r that enclose half of the
    data. Let o_ij be the number of the N training vectors inside both spheres i and j. Pivots
    with o_ij > N/4 repel each other, those with o_ij < N/4 attract; radii follow. Bits become
    balanced and pairwise independent.

    The paper ranks codes by the spherical Hamming distance, |a xor b| / |a and b|
    (`hashlens.evaluation.evaluate_spherical`); the indexes here use the plain Hamming distance.

    It accepts any number of bits, also more than dimensions, and two or more training vectors. If
    all vectors are identical, every bit is 0. If most are, no balanced spheres exist and fitting
    ends early.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    mean_tolerance : float, default 0.1
        Fitting ends when the mean of |o_ij − N/4| is at most this share of N/4, and
    deviation_tolerance : float, default 0.15
        the standard deviation of o_ij is at most this share of N/4.
    max_iterations : int, default 100
        Maximum number of times the pivots are moved.
    random_state : int or None, default 0
        Seed of the initial pivots; None draws different ones at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    pivots_ : float32 array of shape (D, K)
        Centers of the spheres, relative to the mean.
    squared_radii_ : float64 array of shape (K,)
        bit = [‖x − mean − p‖² < r²].
    iterations_ : int
        How often the pivots were moved. Not saved.
    overlap_error_, overlap_deviation_ : float
        The two quantities of the stopping rule at the end, as shares of N/4. Not saved.

    References
    ----------
    J.-P. Heo, Y. Lee, J. He, S.-F. Chang, S.-E. Yoon, "Spherical hashing", CVPR 2012, algorithm 1.
    A radius is set halfway between the N/2-th and the next distance, so that no training vector
    lies on the surface, where rounding would decide its bit.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 32))
    >>> SphericalHashing(bits=16).fit_transform(X).shape
    (200, 2)
    """

    name: ClassVar[str] = "sph"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "pivots_", "squared_radii_")
    axes: ClassVar[Mapping[str, str]] = {
        "mean_": "D",
        "pivots_": "DK",
        "squared_radii_": "K",
    }

    mean_: Floats
    pivots_: Floats
    squared_radii_: Doubles
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
            If a tolerance is negative or ``max_iterations`` is not a positive int.
        """
        vectors, _ = self._check_training(X, y)
        caller = type(self).__name__
        check_real(self.mean_tolerance, "mean_tolerance", caller, 0)
        check_real(self.deviation_tolerance, "deviation_tolerance", caller, 0)
        check_int(self.max_iterations, "max_iterations", caller, 1)
        rng = check_random_state(self.random_state, caller)
        self.mean_ = column_means(vectors)
        start = first_pivots(vectors, self.mean_, self.bits, rng)
        mixture = self._settle(Span.of(vectors, self.mean_, start))
        self.pivots_ = (start @ mixture).astype(np.float32)
        self.squared_radii_ = np.zeros(self.bits)
        distances = -self._inside(vectors)
        half = len(vectors) // 2
        nearest = np.partition(distances, [half - 1, half], axis=0)
        self.squared_radii_ = (nearest[half - 1] + nearest[half]) / 2
        return self

    def _settle(self, span: Span) -> Doubles:
        """Move the pivots until both tolerances are met; return the mixture of the initial ones."""
        count, bits = span.products.shape
        mixture = np.eye(bits)
        for move in range(self.max_iterations + 1):
            overlaps = span.overlaps(mixture)
            error, deviation = overlap_errors(overlaps, count)
            self.iterations_, self.overlap_error_, self.overlap_deviation_ = move, error, deviation
            if error <= self.mean_tolerance and deviation <= self.deviation_tolerance:
                break
            moved = mixture @ pivot_moves(overlaps, count)
            if move == self.max_iterations or np.abs(moved).max() > RUNAWAY:
                break
            mixture = moved
        return mixture

    def _inside(self, X: Floats) -> Doubles:
        """Return r² − ‖x − mean − p‖² in float64: in float32, rounding would decide bits."""
        pivots = self.pivots_.astype(np.float64)
        offsets = self.squared_radii_ - np.einsum("dk,dk->k", pivots, pivots)
        inside = np.empty((len(X), self.bits))
        for rows in row_blocks(len(X)):
            centered = X[rows].astype(np.float64) - self.mean_
            lengths = np.einsum("nd,nd->n", centered, centered)
            inside[rows] = offsets + 2 * (centered @ pivots) - lengths[:, None]
        return inside

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return r² − ‖x − mean − p‖², positive inside the sphere: float32 of shape (n, bits)."""
        return self._inside(self._check_input(X)).astype(np.float32)


def first_pivots(X: Floats, mean: Floats, bits: int, rng: np.random.Generator) -> Doubles:
    """Return P₀, the means of five random vectors each, relative to ``mean``: (D, bits)."""
    picks = np.stack(
        [rng.choice(len(X), min(SAMPLES_PER_PIVOT, len(X)), replace=False) for _ in range(bits)]
    )
    return np.asarray(X[picks].mean(axis=1, dtype=np.float64).T - mean[:, None])


@dataclass(frozen=True)
class Span:
    """Distances from the data to points in the span of the initial pivots, without D-dim products.

    A pivot moves along differences of pivots, so it stays a mixture P₀ m of the initial ones, and
    ‖x − P₀ m‖² = ‖x‖² − 2 (xP₀) m + mᵀ (P₀ᵀP₀) m needs only the n×K products xP₀.

    Attributes
    ----------
    lengths : float32 array of shape (n,)
        ‖x‖² of the centered vectors.
    products : float32 array of shape (n, K)
        xP₀.
    gram : float64 array of shape (K, K)
        P₀ᵀP₀.
    """

    lengths: Floats
    products: Floats
    gram: Doubles

    @classmethod
    def of(cls, X: Floats, mean: Floats, start: Doubles) -> Self:
        """Measure vectors ``X`` (n, D) against pivots ``start`` (D, K), relative to ``mean``."""
        lengths = np.empty(len(X), dtype=np.float32)
        for rows in row_blocks(len(X)):
            centered = X[rows] - mean
            lengths[rows] = np.einsum("nd,nd->n", centered, centered)
        products = project_centered(X, mean, start.astype(np.float32))
        return cls(lengths, products, start.T @ start)

    def overlaps(self, mixture: Doubles) -> Doubles:
        """Return o_ij (K, K) for spheres that hold half of the data each."""
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


def overlap_errors(overlaps: Doubles, count: int) -> tuple[float, float]:
    """Return mean |o_ij − N/4| and the standard deviation of o_ij over i < j, as shares of N/4."""
    quarter = count / 4
    pairs = overlaps[np.triu_indices(len(overlaps), 1)]
    return float(np.abs(pairs - quarter).mean() / quarter), float(pairs.std() / quarter)


def pivot_moves(overlaps: Doubles, count: int) -> Doubles:
    """Return T such that the pivots P (D, K) move to P T.

    p_i += f_i with f_i = (1/K) Σ_j ½ · (o_ij − N/4) / (N/4) · (p_i − p_j).

    Parameters
    ----------
    overlaps : float64 array of shape (K, K)
        o_ij.
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
