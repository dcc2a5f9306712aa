"""PCA followed by a random rotation: the baseline for every learned code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.projection import project_centered
from hashlens.hashers.math.rotation import random_rotation
from hashlens.hashers.methods.pcah import pca_of_code_length
from hashlens.hashers.parameters import check_random_state


class PCARR(Hasher):
    """Bit = the sign of a random direction in the space of the first K principal components.

    Unlike `PCAH`, the rotation spreads variance evenly over the bits, at no cost: a learned method
    has to beat it. If the data has fewer than K directions of non-zero variance, all bits share
    the variance of these.

    Parameters
    ----------
    bits : int, default 64
        Code length K, at most the dimension D and the number of training vectors.
    random_state : int or None, default 0
        Seed of the rotation; None draws a new one at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        W R, the principal directions after the rotation R; bit = [(x − mean) W R > 0].

    References
    ----------
    H. Jégou, M. Douze, C. Schmid, P. Pérez, "Aggregating local descriptors into a compact image
    representation", CVPR 2010, section 4; the baseline "PCA-RR" in Y. Gong, S. Lazebnik, "Iterative
    quantization: a Procrustean approach to learning binary codes", CVPR 2011.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> PCARR(bits=16).fit_transform(X).shape
    (50, 2)
    """

    name: ClassVar[str] = "pca-rr"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK"}

    mean_: Floats
    weights_: Floats

    def __init__(self, bits: int = 64, random_state: int | None = 0) -> None:
        self.bits = bits
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Find the principal components and draw the rotation; ``y`` is ignored.

        Raises
        ------
        DataError
            If there are fewer dimensions or training vectors than bits.
        """
        vectors, _ = self._check_training(X, y)
        rng = check_random_state(self.random_state, type(self).__name__)
        pca = pca_of_code_length(vectors, self.bits, type(self).__name__)
        rotation = random_rotation(self.bits, rng)
        self.mean_ = pca.mean
        self.weights_ = (pca.axes @ rotation).astype(np.float32)
        return self

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) W R: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)
