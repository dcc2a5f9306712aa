"""K-means hashing (He, Wen, Sun 2013): k-means cells numbered so that near cells differ little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats, Mask, Rows
from hashlens.errors import FormatError
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.math.projection import project_centered, row_blocks
from hashlens.hashers.parameters import (
    check_at_most_dimensions,
    check_choice,
    check_enough_samples,
    check_int,
    check_real,
)

MOVES_PER_CENTER = 10
"""Majorization steps per update of a center, after which it hardly moves."""


class KMeansHashing(Hasher):
    """b bits = the number of the nearest of 2^b centers in a subspace; M = K / b subspaces.

    Centers c minimize E_quan + λ E_aff (eq. 8). With n_i of the n vectors nearest to center i,

        E_quan = (1/n) Σ_x ‖x − c_i(x)‖²                                          (eq. 3)
        E_aff = Σ_ij (n_i n_j / n²) (‖c_i − c_j‖ − d_h(i, j))²                    (eq. 7)

    where d_h(i, j) = 2 s · sqrt(Hamming(i, j)) is the distance that the Hamming distance between
    the numbers i and j represents.

    Subspaces are groups of principal directions, formed greedily so that the products of their
    variances are about equal.

    Parameters
    ----------
    bits : int, default 64
        Code length K, at most the dimension D and the number of training vectors.
    bits_per_subspace : {2, 4, 8}, default 4
        b.
    affinity_weight : float, default 10
        λ, the weight of the affinity error.
    iterations : int, default 50
        How often vectors are assigned to centers and centers are moved.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    centers_ : float32 array of shape (M, 2^b, D)
        In descriptor space, relative to the mean; each lies in its subspace.
    losses_ : float64 array of shape (iterations + 1, 2)
        E_quan and E_aff, summed over the subspaces, after the initialization and after each
        assignment. Not saved.

    References
    ----------
    K. He, F. Wen, J. Sun, "K-means hashing: an affinity-preserving quantization method for learning
    compact binary codes", CVPR 2013. Deviations: a center is moved by majorization of the convex
    and concave parts of its objective, which never raises it, not by a quasi-Newton solver; the
    D mod M directions of least variance are dropped.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 32))
    >>> hasher = KMeansHashing(bits=16).fit(X)
    >>> hasher.transform(X).shape, hasher.centers_.shape
    ((200, 2), (4, 16, 32))
    """

    name: ClassVar[str] = "kmh"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "centers_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "centers_": "MCD"}
    stored_names: ClassVar[Mapping[str, str]] = {"centers_": "centres_"}

    mean_: Floats
    centers_: Floats
    losses_: Doubles

    def __init__(
        self,
        bits: int = 64,
        bits_per_subspace: int = 4,
        affinity_weight: float = 10.0,
        iterations: int = 50,
    ) -> None:
        self.bits = bits
        self.bits_per_subspace = bits_per_subspace
        self.affinity_weight = affinity_weight
        self.iterations = iterations

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Learn the centers of every subspace; ``y`` is ignored.

        Raises
        ------
        ParameterError
            If a parameter is out of range.
        DataError
            If there are fewer dimensions or training vectors than bits.
        """
        vectors, _ = self._check_training(X, y)
        caller = type(self).__name__
        b = check_choice(self.bits_per_subspace, "bits_per_subspace", caller, (2, 4, 8))
        weight = check_real(self.affinity_weight, "affinity_weight", caller, 0)
        iterations = check_int(self.iterations, "iterations", caller, 1)
        check_at_most_dimensions(self.bits, vectors.shape[1], caller)
        needed = max(self.bits, 2**b)
        check_enough_samples(
            len(vectors), needed, caller, f"for {2**b} centers and {self.bits} bits"
        )
        pca = PCA.fit(vectors, vectors.shape[1])
        groups = balanced_groups(pca.variances, self.bits // b)
        parts = pca.project(vectors)[:, groups]
        codebooks = Codebooks.initial(parts, b, weight)
        self.losses_ = codebooks.improve(parts, iterations)
        self.mean_ = pca.mean
        # centers_[m] = centers of subspace m · its directionsᵀ
        directions = pca.axes[:, groups].transpose(1, 2, 0)
        self.centers_ = (codebooks.centers @ directions).astype(np.float32)
        return self

    def _check_state(self) -> None:
        M, size, _ = self.centers_.shape
        if size & (size - 1) or M * (size.bit_length() - 1) != self.bits:
            raise FormatError(
                f"The centers of KMeansHashing must be 2^b in each of {self.bits} / b subspaces. "
                f"Got {size} in {M} instead."
            )

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return how much nearer the nearest center with the bit on is than that with it off.

        float32 of shape (n, bits): the smallest squared distance to a center whose number has the
        bit off, minus the smallest to one that has it on. Positive if and only if the nearest
        center's number has the bit on.
        """
        vectors = self._check_input(X)
        M, size, D = self.centers_.shape
        flat = self.centers_.reshape(M * size, D)
        half_squares = np.einsum("cd,cd->c", flat, flat, dtype=np.float64) / 2
        products = project_centered(vectors, self.mean_, np.ascontiguousarray(flat.T))
        near = (products - half_squares).reshape(len(vectors), M, size)
        margins = np.empty((len(vectors), M, size.bit_length() - 1), dtype=np.float32)
        for bit in range(margins.shape[2]):
            # The halves with the most significant remaining bit off and on; then, the better of
            # each pair that differs in this bit alone.
            off, on = np.split(near, 2, axis=2)
            margins[:, :, bit] = 2 * (on.max(axis=2) - off.max(axis=2))
            near = np.maximum(off, on)
        return margins.reshape(len(vectors), self.bits)


def balanced_groups(variances: Doubles, groups: int) -> Rows:
    """Distribute directions over groups of equal size with about equal products of variances.

    In order of falling variance, each direction goes to the group that has room and whose product
    is smallest so far. If the count is not a multiple of ``groups``, the directions of least
    variance are dropped.

    Parameters
    ----------
    variances : float64 array of shape (D,), falling
    groups : int

    Returns
    -------
    int64 array of shape (groups, D // groups)
        Indices of directions, by falling variance within each group.

    Examples
    --------
    >>> balanced_groups(np.array([8.0, 4.0, 2.0, 1.0]), 2)
    array([[0, 3],
           [1, 2]])
    """
    size = len(variances) // groups
    floor = max(variances[0], np.finfo(float).tiny) * 1e-10
    # Shifted so that no logarithm is negative; otherwise an empty group would look full.
    logs = np.log(np.maximum(variances, floor) / floor)
    totals = np.zeros(groups)
    members: list[list[int]] = [[] for _ in range(groups)]
    for direction in range(groups * size):
        chosen = int(np.argmin(totals))
        members[chosen].append(direction)
        totals[chosen] += logs[direction]
        if len(members[chosen]) == size:
            totals[chosen] = np.inf
    return np.array(members, dtype=np.int64)


@dataclass
class Codebooks:
    """2^b centers in each of M independent subspaces of d dimensions.

    Attributes
    ----------
    centers : float64 array of shape (M, 2^b, d)
        c; center i of a subspace has the number i.
    targets : float64 array of shape (M, 2^b, 2^b)
        d_h(i, j), how far apart centers i and j should be.
    weight : float
        λ.
    """

    centers: Doubles
    targets: Doubles
    weight: float

    @classmethod
    def initial(cls, parts: Floats, b: int, weight: float) -> Self:
        """Put centers at the corners of a cube along the b directions of largest variance.

        Parameters
        ----------
        parts : float32 array of shape (n, M, d)
            Coordinates along principal directions, by falling variance within each subspace.
        b : int
            Bits per subspace.
        weight : float
            λ.

        Notes
        -----
        Half the cube's edge is s, the mean absolute coordinate along those directions. Corners are
        then exactly d_h apart, and the affinity error starts at zero.
        """
        _, subspaces, d = parts.shape
        bits = center_bits(2**b)
        s = np.abs(parts[:, :, :b]).mean(axis=(0, 2), dtype=np.float64)
        centers = np.zeros((subspaces, 2**b, d))
        centers[:, :, :b] = s[:, None, None] * np.where(bits, 1.0, -1.0)
        hamming = (bits[:, None] != bits[None]).sum(axis=2)
        return cls(centers, 2 * s[:, None, None] * np.sqrt(hamming), weight)

    def improve(self, parts: Floats, iterations: int) -> Doubles:
        """Alternate between assigning and moving; return E_quan and E_aff: (iterations + 1, 2)."""
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
        """Return the count (M, 2^b) and sum (M, 2^b, d) of the vectors nearest to each center."""
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
        """Return E_quan, expanded, from the sums divided by n."""
        squares = (self.centers**2).sum(axis=2)
        return energy - 2 * float((sums * self.centers).sum()) + float((shares * squares).sum())

    def affinity(self, shares: Doubles) -> float:
        """Return E_aff, summed over subspaces."""
        squares = (self.centers**2).sum(axis=2)
        gaps = squares[:, :, None] + squares[:, None]
        gaps -= 2 * self.centers @ self.centers.transpose(0, 2, 1)
        errors = (np.sqrt(np.maximum(gaps, 0.0)) - self.targets) ** 2
        return float(np.einsum("mi,mj,mij->", shares, shares, errors))

    def move(self, shares: Doubles, means: Doubles) -> None:
        """Move one center after the other so as to lower its part of the objective.

        For center j: (n_j/n) ‖c − mean_j‖² + 2λ Σ_i (n_i n_j/n²) (‖c − c_i‖ − d_h(i, j))².
        With u_i the unit vector from c_i to the current c, (‖c − c_i‖ − d)² is at most
        ‖c − c_i − d u_i‖², with equality at the current c. The minimum of that bound is a
        weighted mean. All subspaces are updated at once.

        Parameters
        ----------
        shares : float64 array of shape (M, 2^b)
            n_j / n; a center without vectors stays in place.
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
        """Return center j (M, d) after the majorization steps; ``pull`` is 2λ n_i/n, 0 at j."""
        squares = (self.centers**2).sum(axis=2)
        whole = 1 + pull.sum(axis=1, keepdims=True)
        fixed = mean + _mixed(pull, self.centers)
        c = self.centers[:, j]
        for _ in range(MOVES_PER_CENTER):
            products = (self.centers @ c[:, :, None])[:, :, 0]
            gaps = squares - 2 * products + (c**2).sum(axis=1, keepdims=True)
            lengths = np.sqrt(np.maximum(gaps, 0.0))
            stretch = pull * self.targets[:, j] / np.where(lengths > 0, lengths, 1.0)
            # Σ_i pull_i d_h(i, j) u_i, with stretch_i (c − c_i) = pull_i d_h(i, j) u_i
            away = stretch.sum(axis=1, keepdims=True) * c - _mixed(stretch, self.centers)
            c = (fixed + away) / whole
        return c


def _mixed(weights: Doubles, centers: Doubles) -> Doubles:
    """Return Σ_i weights_i c_i in every subspace: (M, d)."""
    return np.asarray((weights[:, None, :] @ centers)[:, 0])


def center_bits(size: int) -> Mask:
    """Return the bits of the numbers 0 … size − 1, most significant first: (size, log2 size).

    Examples
    --------
    >>> center_bits(4).astype(int).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    width = size.bit_length() - 1
    return (np.arange(size)[:, None] >> np.arange(width)[::-1] & 1).astype(bool)
