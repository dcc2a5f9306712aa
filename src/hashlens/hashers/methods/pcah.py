"""PCA hashing: the signs of the first principal components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy.typing as npt

from hashlens.arrays import Doubles, Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.math.projection import project_centered
from hashlens.hashers.parameters import check_at_most_dimensions, check_enough_samples


class PCAH(Hasher):
    """Bit k = the sign of the k-th principal component.

    Later components carry less variance, yet count as much as the first in the Hamming distance:
    more bits can make results worse. If the data has fewer than K directions of non-zero variance,
    the remaining bits are 0 in every code.

    Parameters
    ----------
    bits : int, default 64
        Code length K, at most the dimension D and the number of training vectors.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        W, the first K eigenvectors of the covariance; bit = [(x − mean) W > 0].
    variances_ : float64 array of shape (K,)
        Variance along each direction, falling. Not saved.

    References
    ----------
    X.-J. Wang, L. Zhang, F. Jing, W.-Y. Ma, "AnnoSearch: image auto-annotation by search", CVPR
    2006; named PCAH in J. Wang, S. Kumar, S.-F. Chang, "Semi-supervised hashing for scalable image
    retrieval", CVPR 2010.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> PCAH(bits=16).fit_transform(X).shape
    (50, 2)
    """

    name: ClassVar[str] = "pcah"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK"}

    mean_: Floats
    weights_: Floats
    variances_: Doubles

    def __init__(self, bits: int = 64) -> None:
        self.bits = bits

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Find the principal components; ``y`` is ignored.

        Raises
        ------
        DataError
            If there are fewer dimensions or training vectors than bits.
        """
        vectors, _ = self._check_training(X, y)
        pca = pca_of_code_length(vectors, self.bits, type(self).__name__)
        self.mean_, self.weights_, self.variances_ = pca.mean, pca.axes, pca.variances
        return self

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) W: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)


def pca_of_code_length(X: Floats, bits: int, caller: str) -> PCA:
    """Return the first ``bits`` principal components of ``X``.

    Raises
    ------
    DataError
        If there are fewer dimensions or training vectors than bits.
    """
    check_at_most_dimensions(bits, X.shape[1], caller)
    check_enough_samples(len(X), bits, caller, f"for the principal components of {bits} bits")
    return PCA.fit(X, bits)
