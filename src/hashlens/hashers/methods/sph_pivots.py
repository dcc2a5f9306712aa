"""Pivots of spherical hashing: forces between them, until their spheres share a quarter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.math.linear import project_centered, row_blocks

SAMPLES_PER_PIVOT = 5
"""How many random vectors a pivot is at first the mean of (section 3.3)."""

RUNAWAY = 1e4
"""Multiple of the first pivots past which pivots no longer repel each other but fly off.

It takes data most of which is one and the same vector: no spheres share just a quarter of it.
"""


@dataclass(frozen=True)
class Span:
    """Distances of the data to points in the span of the first pivots, without going back to D.

    A pivot moves along differences of pivots, so it stays a mixture P₀ m of the first ones, and
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


@dataclass(frozen=True)
class Tolerances:
    """When pivots may rest: both figures of `overlap_figures` small enough, or enough moves."""

    error: float
    deviation: float
    moves: int


@dataclass(frozen=True)
class Settled:
    """Where pivots came to rest: P₀ · mixture (K, K), after how many moves, and how well."""

    mixture: Doubles
    iterations: int
    error: float
    deviation: float


def settle(span: Span, tolerances: Tolerances) -> Settled:
    """Move the pivots by their forces until any two spheres share about a quarter of the data."""
    count, bits = span.products.shape
    mixture = np.eye(bits)
    for move in range(tolerances.moves + 1):
        overlaps = span.overlaps(mixture)
        error, deviation = overlap_figures(overlaps, count)
        if error <= tolerances.error and deviation <= tolerances.deviation:
            break
        moved = mixture @ pivot_moves(overlaps, count)
        if move == tolerances.moves or np.abs(moved).max() > RUNAWAY:
            break
        mixture = moved
    return Settled(mixture, move, error, deviation)


def first_pivots(X: Floats, mean: Floats, bits: int, rng: np.random.Generator) -> Doubles:
    """Return the means of five random vectors each, relative to ``mean``: (D, bits)."""
    picks = np.stack(
        [rng.choice(len(X), min(SAMPLES_PER_PIVOT, len(X)), replace=False) for _ in range(bits)]
    )
    return np.asarray(X[picks].mean(axis=1, dtype=np.float64).T - mean[:, None])


def overlap_figures(overlaps: Doubles, count: int) -> tuple[float, float]:
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
