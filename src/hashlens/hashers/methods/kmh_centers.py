"""The centers of k-means hashing and the two steps that improve them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.math.linear import row_blocks

MOVES_PER_CENTER = 10
"""Majorisation steps a center gets each time it is its turn; it is nearly still after them."""


def center_bits(size: int) -> npt.NDArray[np.bool_]:
    """Return the bits of the numbers 0 … size − 1, most significant first: (size, log2 size).

    Examples
    --------
    >>> center_bits(4).astype(int).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    width = size.bit_length() - 1
    return (np.arange(size)[:, None] >> np.arange(width)[::-1] & 1).astype(bool)


@dataclass
class Codebooks:
    """2^b centers in each of M subspaces of d dimensions; subspaces are independent.

    Attributes
    ----------
    centers : float64 array of shape (M, 2^b, d)
        c; center i of a subspace has the number i.
    targets : float64 array of shape (M, 2^b, 2^b)
        d_h(i, j) = 2 s · sqrt(Hamming(i, j)): how far apart centers i and j should be.
    weight : float
        λ of the affinity error.
    """

    centers: Doubles
    targets: Doubles
    weight: float

    @classmethod
    def initial(cls, parts: Floats, b: int, weight: float) -> Self:
        """Put centers at the corners of a cube along the b directions of most variance.

        Parameters
        ----------
        parts : float32 array of shape (n, M, d)
            Coordinates along principal directions, by falling variance within each subspace.
        b : int
            Bits of a subspace.
        weight : float
            λ.

        Notes
        -----
        Half the cube's edge is s, the mean absolute coordinate along those directions, so that
        distances of corners are d_h exactly and the affinity error begins at zero.
        """
        _, subspaces, d = parts.shape
        bits = center_bits(2**b)
        s = np.abs(parts[:, :, :b]).mean(axis=(0, 2), dtype=np.float64)
        centers = np.zeros((subspaces, 2**b, d))
        centers[:, :, :b] = s[:, None, None] * np.where(bits, 1.0, -1.0)
        hamming = (bits[:, None] != bits[None]).sum(axis=2)
        return cls(centers, 2 * s[:, None, None] * np.sqrt(hamming), weight)

    def improve(self, parts: Floats, iterations: int) -> Doubles:
        """Assign and move by turns; return (iterations + 1, 2) quantization and affinity errors."""
        losses = np.empty((iterations + 1, 2))
        energy = float(np.einsum("nmd,nmd->", parts, parts, dtype=np.float64)) / len(parts)
        for turn in range(iterations + 1):
            counts, sums = self.assign(parts)
            shares = counts / len(parts)
            losses[turn] = (
                self._quantization(shares, sums / len(parts), energy),
                self.affinity(shares),
            )
            if turn < iterations:
                means = sums / np.maximum(counts, 1)[:, :, None]
                self.move(shares, means)
        return losses

    def assign(self, parts: Floats) -> tuple[Doubles, Doubles]:
        """Return count (M, 2^b) and sum (M, 2^b, d) of the vectors nearest to each center."""
        n, subspaces, d = parts.shape
        size = self.centers.shape[1]
        half_squares = (self.centers**2).sum(axis=2) / 2
        transposed = self.centers.transpose(0, 2, 1).astype(np.float32)
        counts, sums = np.zeros((subspaces, size)), np.zeros((subspaces, size, d))
        for rows in row_blocks(n):
            for m in range(subspaces):
                block = parts[rows, m]
                nearest = np.argmax(
                    block @ transposed[m] - half_squares[m].astype(np.float32), axis=1
                )
                # sums[m, j] += Σ block[nearest == j], as one product with a one-hot matrix
                one_hot = (nearest == np.arange(size)[:, None]).astype(np.float32)
                counts[m] += one_hot.sum(axis=1)
                sums[m] += one_hot @ block
        return counts, sums

    def _quantization(self, shares: Doubles, sums: Doubles, energy: float) -> float:
        """(1/n) Σ ‖x − c‖² expanded, from sums that are divided by n."""
        squares = (self.centers**2).sum(axis=2)
        return energy - 2 * float((sums * self.centers).sum()) + float((shares * squares).sum())

    def affinity(self, shares: Doubles) -> float:
        """Return Σ_ij (n_i n_j / n²) (‖c_i − c_j‖ − d_h(i, j))², summed over subspaces."""
        squares = (self.centers**2).sum(axis=2)
        gaps = squares[:, :, None] + squares[:, None]
        gaps -= 2 * self.centers @ self.centers.transpose(0, 2, 1)
        errors = (np.sqrt(np.maximum(gaps, 0.0)) - self.targets) ** 2
        return float(np.einsum("mi,mj,mij->", shares, shares, errors))

    def move(self, shares: Doubles, means: Doubles) -> None:
        """Move every center in turn, others fixed, so as to lower its part of the objective.

        For center j: (n_j/n) ‖c − mean_j‖² + 2λ Σ_i (n_i n_j/n²) (‖c − c_i‖ − d_h(i, j))².
        With u_i the unit vector from c_i to the current c, (‖c − c_i‖ − d)² is at most
        ‖c − c_i − d u_i‖², with equality at the current c. The minimum of that bound is a
        weighted mean. Subspaces are moved at once.

        Parameters
        ----------
        shares : float64 array of shape (M, 2^b)
            n_j / n; a center without vectors stays where it is.
        means : float64 array of shape (M, 2^b, d)
            Mean of the vectors of each center.
        """
        for j in range(self.centers.shape[1]):
            pull = 2 * self.weight * shares
            pull[:, j] = 0.0
            moved = self._minimize(j, pull, means[:, j])
            used = shares[:, j] > 0
            self.centers[used, j] = moved[used]

    def _minimize(self, j: int, pull: Doubles, mean: Doubles) -> Doubles:
        """Return center j (M, d) after some majorisation steps; ``pull`` is 2λ n_i/n, 0 at j."""
        squares = (self.centers**2).sum(axis=2)
        whole = 1 + pull.sum(axis=1, keepdims=True)
        fixed = mean + _mixed(pull, self.centers)
        c = self.centers[:, j]
        for _ in range(MOVES_PER_CENTER):
            products = (self.centers @ c[:, :, None])[:, :, 0]
            gaps = squares - 2 * products + (c**2).sum(axis=1, keepdims=True)
            lengths = np.sqrt(np.maximum(gaps, 0.0))
            stretch = pull * self.targets[:, j] / np.where(lengths > 0, lengths, 1.0)
            # Σ_i stretch_i (c − c_i), of which stretch_i (c − c_i) = pull_i d_h(i, j) u_i
            away = stretch.sum(axis=1, keepdims=True) * c - _mixed(stretch, self.centers)
            c = (fixed + away) / whole
        return c


def _mixed(weights: Doubles, centers: Doubles) -> Doubles:
    """Return Σ_i weights_i c_i of every subspace: (M, d)."""
    return np.asarray((weights[:, None, :] @ centers)[:, 0])
