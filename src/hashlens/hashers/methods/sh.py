"""Spectral hashing (Weiss, Torralba, Fergus 2008): waves along the principal directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats, Rows
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.math.projection import project_centered


class SpectralHashing(Hasher):
    """Bit = the sign of a cosine along a principal direction; the K smoothest are chosen.

    The data is assumed to be uniform in a box along its principal directions. The balanced,
    uncorrelated bits in which near vectors differ least are then eigenfunctions of the box's
    Laplacian: cosines with k half waves over the width R_i of side i, with eigenvalue (kπ / R_i)².
    Wide sides get several bits before narrow ones get their first.

    It accepts any number of bits, also more than dimensions, and two or more training vectors.
    If all vectors are identical, every bit is 1.

    Parameters
    ----------
    bits : int, default 64
        Code length K.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        The principal direction of each bit; several bits can share one.
    lows_ : float32 array of shape (K,)
        The smallest coordinate of a training vector along it, relative to the mean.
    frequencies_ : float32 array of shape (K,)
        kπ / R_i in radians per unit of length, rising from bit to bit.
        bit = [cos(frequency · (x·w − low)) > 0].

    References
    ----------
    Y. Weiss, A. Torralba, R. Fergus, "Spectral hashing", NIPS 2008, section 3, with the
    enumeration of modes of the authors' published program: one-dimensional modes only, at most
    ⌈(K + 1)·R_i / max R⌉ − 1 per side. As there, vectors outside the training box are not clipped
    to it: the wave continues.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> SpectralHashing(bits=16).fit_transform(X).shape
    (50, 2)
    """

    name: ClassVar[str] = "sh"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_", "lows_", "frequencies_")
    axes: ClassVar[Mapping[str, str]] = {
        "mean_": "D",
        "weights_": "DK",
        "lows_": "K",
        "frequencies_": "K",
    }

    mean_: Floats
    weights_: Floats
    lows_: Floats
    frequencies_: Floats

    def __init__(self, bits: int = 64) -> None:
        self.bits = bits

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Fit the box and choose the K smoothest waves; ``y`` is ignored."""
        vectors, _ = self._check_training(X, y)
        pca = PCA.fit(vectors, min(self.bits, vectors.shape[1]))
        coordinates = pca.project(vectors)
        lows = coordinates.min(axis=0)
        sides, frequencies = smoothest_modes(coordinates.max(axis=0) - lows, self.bits)
        self.mean_ = pca.mean
        self.weights_ = np.ascontiguousarray(pca.axes[:, sides])
        self.lows_ = lows[sides]
        self.frequencies_ = frequencies.astype(np.float32)
        return self

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return sin(π/2 + frequency · (x·w − low)): float32 of shape (n, bits)."""
        along = project_centered(self._check_input(X), self.mean_, self.weights_)
        waves: Floats = np.cos(self.frequencies_ * (along - self.lows_))
        return waves


def smoothest_modes(widths: Floats, bits: int) -> tuple[Rows, Doubles]:
    """Return the modes of a box with the smallest eigenvalues, without the constant mode.

    Parameters
    ----------
    widths : float array of shape (sides,)
        R, the box's extent along each principal direction; a side of zero width carries no mode.
    bits : int
        How many modes to return.

    Returns
    -------
    sides : int64 array of shape (bits,)
        The side along which each mode varies.
    frequencies : float64 array of shape (bits,)
        kπ / R of the side, rising; all zero if every side has zero width.

    Examples
    --------
    A side about twice as wide as another gets three of the first four modes.

    >>> sides, frequencies = smoothest_modes(np.array([4.0, 2.1]), 4)
    >>> sides.tolist(), (frequencies * 4 / np.pi).round(2).tolist()
    ([0, 1, 0, 0], [1.0, 1.9, 2.0, 3.0])
    """
    widths = np.asarray(widths, dtype=np.float64)
    widest = widths.max()
    if widest == 0:
        return np.zeros(bits, dtype=np.int64), np.zeros(bits)
    most = np.ceil((bits + 1) * widths / widest).astype(np.int64)
    sides = np.repeat(np.arange(len(widths)), np.maximum(most - 1, 0))
    half_waves = np.concatenate([np.arange(1, count) for count in most])
    frequencies = half_waves * np.pi / widths[sides]
    first = np.argsort(frequencies, kind="stable")[:bits]
    return sides[first], frequencies[first]
