"""Iterative quantization (Gong, Lazebnik 2011): PCA, rotated to minimize quantization loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.projection import project_centered
from hashlens.hashers.math.rotation import fit_rotation, random_rotation
from hashlens.hashers.methods.pcah import pca_of_code_length
from hashlens.hashers.parameters import check_int, check_random_state


class ITQ(Hasher):
    """Bit = the sign of a principal component after the rotation that minimizes quantization loss.

    Let V (n, K) be the first K principal components of the data. ITQ alternates between the codes
    B ∈ {−1, +1}^(n×K) and the rotation R to minimize the quantization loss ‖B − V R‖²_F (eq. 2);
    see `hashlens.hashers.math.rotation.fit_rotation`.

    Parameters
    ----------
    bits : int, default 64
        Code length K, at most the dimension D and the number of training vectors.
    iterations : int, default 50
        How often B and R are updated.
    random_state : int or None, default 0
        Seed of the initial rotation; None draws a new one at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        The principal directions after the rotation; bit = [(x − mean) W R > 0].
    losses_ : float64 array of shape (iterations + 1,)
        ‖B − V R‖²_F / n before the first iteration and after each one, never rising. Not saved.

    References
    ----------
    Y. Gong, S. Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes",
    CVPR 2011, section 2.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> hasher = ITQ(bits=16).fit(X)
    >>> hasher.transform(X).shape
    (50, 2)
    >>> bool(hasher.losses_[-1] < hasher.losses_[0])
    True
    """

    name: ClassVar[str] = "itq"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK"}

    mean_: Floats
    weights_: Floats
    losses_: Doubles

    def __init__(self, bits: int = 64, iterations: int = 50, random_state: int | None = 0) -> None:
        self.bits = bits
        self.iterations = iterations
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Find the principal components and the rotation; ``y`` is ignored.

        Raises
        ------
        ParameterError
            If ``iterations`` is not a positive int.
        DataError
            If there are fewer dimensions or training vectors than bits.
        """
        vectors, _ = self._check_training(X, y)
        iterations = check_int(self.iterations, "iterations", type(self).__name__, 1)
        rng = check_random_state(self.random_state, type(self).__name__)
        pca = pca_of_code_length(vectors, self.bits, type(self).__name__)
        start = random_rotation(self.bits, rng)
        rotation, self.losses_ = fit_rotation(pca.project(vectors), start, iterations)
        self.mean_ = pca.mean
        self.weights_ = (pca.axes @ rotation).astype(np.float32)
        return self

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) W R: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)
