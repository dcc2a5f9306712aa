"""K-means hashing (He, Wen, Sun 2013): cells of k-means whose numbers are near as cells are."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.linear import project_centered
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.methods.kmh_centers import Codebooks
from hashlens.hashers.parameters import (
    check_at_most_dimensions,
    check_choice,
    check_enough_samples,
    check_int,
    check_real,
)


class KMeansHashing(Hasher):
    """b bits = the number of the nearest of 2^b centers in a subspace; M = K / b subspaces.

    Centers minimize the quantization error of k-means together with the affinity error: the
    squared difference between the distance of two centers and the distance that their numbers'
    Hamming distance stands for, d_h(i, j) = 2 s · sqrt(Hamming(i, j)) (eqs. 3, 7 and 8).

    Subspaces are groups of principal directions, formed greedily so that the products of their
    variances are about the same.

    Parameters
    ----------
    bits : int, default 64
        Code length K, at most the dimension D and the number of training vectors.
    bits_per_subspace : {2, 4, 8}, default 4
        b.
    affinity_weight : float, default 10
        λ, the weight of the affinity error.
    iterations : int, default 50
        Turns of assigning vectors to centers and moving centers.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    centers_ : float32 array of shape (M, 2^b, D)
        In the space of the descriptors, relative to the mean; each lies in its subspace.
    losses_ : float64 array of shape (iterations + 1, 2)
        Quantization and affinity error, summed over the subspaces, after the initialization and
        each turn's assignment. Not saved.

    References
    ----------
    K. He, F. Wen, J. Sun, "K-means hashing: an affinity-preserving quantization method for learning
    compact binary codes", CVPR 2013. Deviations: a center is moved by majorisation of its convex
    and concave parts, which never raises the objective, instead of by a quasi-Newton solver; the
    D mod M directions of least variance are left out.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 32))
    >>> hasher = KMeansHashing(bits=16).fit(X)
    >>> hasher.transform(X).shape, hasher.centers_.shape
    ((200, 2), (4, 16, 32))
    """

    name: ClassVar[str] = "kmh"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "centers_")

    mean_: Floats
    centers_: Floats
    losses_: npt.NDArray[np.float64]

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

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return, for each bit, how much nearer the nearest center with that bit on is.

        float32 of shape (n, bits): the smallest squared distance to a center whose number has the
        bit off, less the smallest to one that has it on. Positive if and only if the nearest
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
            # Halves with the most significant bit left off and on; what is left of both is the
            # better of each pair, in which that bit is of no account any more.
            off, on = np.split(near, 2, axis=2)
            margins[:, :, bit] = 2 * (on.max(axis=2) - off.max(axis=2))
            near = np.maximum(off, on)
        return margins.reshape(len(vectors), self.bits)


def balanced_groups(variances: npt.NDArray[np.float64], groups: int) -> npt.NDArray[np.int64]:
    """Distribute directions over groups of the same size with about equal products of variances.

    Directions go, by falling variance, to the group whose product is smallest so far and that has
    room. Those left over where the count is no multiple of ``groups``, of least variance, go
    nowhere.

    Parameters
    ----------
    variances : float64 array of shape (D,), falling
    groups : int

    Returns
    -------
    int64 array of shape (groups, D // groups)
        Indices of directions; a group's are by falling variance.

    Examples
    --------
    >>> balanced_groups(np.array([8.0, 4.0, 2.0, 1.0]), 2)
    array([[0, 3],
           [1, 2]])
    """
    size = len(variances) // groups
    floor = max(variances[0], np.finfo(float).tiny) * 1e-10
    # Shifted so that no logarithm is negative, else the emptiest group would look full.
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
