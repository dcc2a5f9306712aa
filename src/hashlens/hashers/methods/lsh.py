"""Locality-sensitive hashing by random hyperplanes (Charikar 2002)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.projection import column_means, project_centered
from hashlens.hashers.parameters import check_random_state


class LSH(Hasher):
    """Bit = the side of a random hyperplane: two vectors differ in it with probability angle / π.

    Only the mean of the training vectors is learned. It accepts any number of bits, also more than
    dimensions, and two or more training vectors.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    random_state : int or None, default 0
        Seed of the hyperplanes; None draws new ones at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        W, entries from N(0, 1); bit = [(x − mean) W > 0].

    References
    ----------
    M. Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002. The
    hyperplanes pass through the mean of the data, not through the origin: on non-negative
    descriptors most hyperplanes through the origin have all the data on one side.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> LSH(bits=16).fit_transform(X).shape
    (50, 2)
    """

    name: ClassVar[str] = "lsh"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK"}

    mean_: Floats
    weights_: Floats

    def __init__(self, bits: int = 64, random_state: int | None = 0) -> None:
        self.bits = bits
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Draw the hyperplanes; ``y`` is ignored."""
        vectors, _ = self._check_training(X, y)
        rng = check_random_state(self.random_state, type(self).__name__)
        self.mean_ = column_means(vectors)
        self.weights_ = rng.standard_normal((vectors.shape[1], self.bits), dtype=np.float32)
        return self

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) W: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)
