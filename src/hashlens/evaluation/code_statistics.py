"""Statistics of codes regardless of labels: the paper's three constraints, measured.

References
----------
Zelensky, Pismenskova, Voronin, Proceedings of TUSUR 21(3), 2018: codes lose little of the
descriptors' information; each bit is 1 for half of the data; bits are almost uncorrelated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Counts, Doubles, Rows
from hashlens.codes import check_codes, unpack
from hashlens.errors import DataError

RANK_TOLERANCE = 1e-6
"""Singular values of the bits below this share of the largest one count as 0."""


@dataclass(frozen=True, slots=True)
class CodeStatistics:
    """Statistics of a set of codes.

    Attributes
    ----------
    bit_imbalance : float
        Average over bits of |share of ones − ½|, in [0, ½]; 0 is balanced.
    worst_bit_imbalance : float
        |share of ones − ½| of the least balanced bit.
    constant_bits : int
        Number of bits with the same value in all codes.
    bit_correlation : float or None
        Mean absolute Pearson correlation over pairs of different, non-constant bits, in [0, 1];
        None if there are fewer than two such bits, as in a collapsed code.
    unique_codes_per_thousand : float
        Number of distinct codes per 1,000 items, in (0, 1000].
    """

    bit_imbalance: float
    worst_bit_imbalance: float
    constant_bits: int
    bit_correlation: float | None
    unique_codes_per_thousand: float


def code_statistics(codes: Codes, bits: int) -> CodeStatistics:
    """Return balance, correlation and uniqueness of packed codes.

    Parameters
    ----------
    codes : uint8 array of shape (n, bytes)
    bits : int
        Code length.

    Examples
    --------
    >>> from hashlens.codes import pack
    >>> statistics = code_statistics(pack([[0, 0] * 4, [1, 0] * 4]), bits=8)
    >>> statistics.bit_imbalance, statistics.constant_bits, statistics.bit_correlation
    (0.25, 4, 1.0)
    """
    ones = bit_shares(codes, bits)
    imbalance = np.abs(ones - 0.5)
    unique = len(unique_code_groups(codes)[1])
    return CodeStatistics(
        bit_imbalance=float(imbalance.mean()),
        worst_bit_imbalance=float(imbalance.max()),
        constant_bits=int(((ones == 0) | (ones == 1)).sum()),
        bit_correlation=_mean_absolute_correlation(codes, bits),
        unique_codes_per_thousand=1000 * unique / len(codes),
    )


def bit_shares(codes: Codes, bits: int) -> Doubles:
    """Return the share of codes in which each bit is 1, shape (bits,)."""
    packed = check_codes(codes, bits, "code statistics")
    if len(packed) == 0:
        raise DataError("Code statistics expect at least one code. Got none.")
    return np.asarray(unpack(packed, bits).mean(axis=0, dtype=np.float64))


def bit_correlations(codes: Codes, bits: int) -> Doubles:
    """Return Pearson correlations between bits, shape (bits, bits); NaN for constant bits."""
    shares = bit_shares(codes, bits)
    values = unpack(codes, bits).astype(np.float32)
    # Counts of common ones are integers below 2**24, and so exact in float32.
    together = (values.T @ values).astype(np.float64) / len(values)
    covariance = together - np.outer(shares, shares)
    spread = np.sqrt(shares * (1 - shares))
    scale = np.outer(spread, spread)
    undefined = np.full(scale.shape, np.nan)
    return np.asarray(np.divide(covariance, scale, out=undefined, where=scale > 0))


def _mean_absolute_correlation(codes: Codes, bits: int) -> float | None:
    pairs = bit_correlations(codes, bits)[np.triu_indices(bits, k=1)]
    defined = np.abs(pairs[~np.isnan(pairs)])
    return float(min(defined.mean(), 1.0)) if len(defined) else None


def unique_code_groups(codes: Codes) -> tuple[Rows, Counts]:
    """Return the index of each code's group of equal codes, and the sizes of the groups.

    Examples
    --------
    >>> unique_code_groups(np.array([[9], [3], [9]], dtype=np.uint8))
    (array([1, 0, 1]), array([1, 2]))
    """
    # Rows as single opaque items sort several times faster than np.unique over an axis.
    packed = np.ascontiguousarray(codes)
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, group, sizes = np.unique(rows, return_inverse=True, return_counts=True)
    return group.astype(np.int64).ravel(), sizes.astype(np.int64)


def quantization_error(codes: Codes, descriptors: npt.ArrayLike) -> float:
    """Return the paper's E_q = (1/n) Σ ‖x_i − C(x_i)‖, equation (2).

    C(x_i) is the mean of all descriptors with the code of x_i. E_q is 0 if every code is unique, so
    methods can be compared only at equal length and along with the number of unique codes;
    `linear_reconstruction_error` has no such blind spot.

    Parameters
    ----------
    codes : uint8 array of shape (n, bytes)
    descriptors : float array of shape (n, D)

    Examples
    --------
    >>> codes = np.array([[1], [1], [2]], dtype=np.uint8)
    >>> quantization_error(codes, [[0.0], [2.0], [5.0]])
    0.6666666666666666
    """
    vectors = _same_length(codes, descriptors)
    group, sizes = unique_code_groups(codes)
    # An item with a unique code is its own center: only shared codes have an error.
    shared = np.flatnonzero(sizes[group] > 1)
    if len(shared) == 0:
        return 0.0
    rows = shared[np.argsort(group[shared], kind="stable")]
    _, group_of_row = np.unique(group[rows], return_inverse=True)
    centers = _group_means(vectors, rows, group_of_row)
    distances = 0.0
    for part in _blocks(len(rows)):
        gaps = vectors[rows[part]] - centers[group_of_row[part]]
        distances += float(np.linalg.norm(gaps, axis=1).sum())
    return distances / len(vectors)


def linear_reconstruction_error(codes: Codes, bits: int, descriptors: npt.ArrayLike) -> float:
    """Return the share of the descriptors' variance that no linear decoder recovers from the bits.

    It is ‖X − X'‖² / ‖X − mean‖², where X' is the least-squares fit of X by the bits and a
    constant: 0 if the code determines the descriptor, 1 if it says nothing about it. It compares
    all methods, with or without a decoder of their own.

    Parameters
    ----------
    codes : uint8 array of shape (n, bytes)
    bits : int
    descriptors : float array of shape (n, D)

    Examples
    --------
    >>> from hashlens.codes import pack
    >>> codes = pack(np.eye(8))
    >>> round(linear_reconstruction_error(codes, 8, np.eye(8)), 6)
    0.0
    """
    vectors = _same_length(codes, descriptors)
    values = unpack(codes, bits)
    mean = vectors.mean(axis=0, dtype=np.float64).astype(vectors.dtype)
    shares = bit_shares(codes, bits).astype(vectors.dtype)
    spread = 0.0
    cross = np.zeros((bits, vectors.shape[1]))
    gram = np.zeros((bits, bits))
    for part in _blocks(len(vectors)):
        centered, ones = vectors[part] - mean, values[part] - shares
        spread += float(np.square(centered).sum(dtype=np.float64))
        cross += ones.T @ centered
        gram += ones.T @ ones
    if spread == 0:
        raise DataError("The descriptors are all equal: there is no variance to reconstruct.")
    weights = np.linalg.lstsq(gram, cross, rcond=RANK_TOLERANCE)[0]
    explained = float((cross * weights).sum())
    return min(1.0, max(0.0, 1.0 - explained / spread))


def _same_length(codes: Codes, descriptors: npt.ArrayLike) -> npt.NDArray[Any]:
    vectors = np.asarray(descriptors)
    if vectors.ndim != 2 or len(vectors) != len(codes) or vectors.dtype.kind not in "fiu":
        raise DataError(
            f"Expected {len(codes)} descriptors for {len(codes)} codes, shape ({len(codes)}, D). "
            f"Got dtype {vectors.dtype}, shape {vectors.shape} instead."
        )
    return vectors if vectors.dtype.kind == "f" else vectors.astype(np.float64)


def _blocks(count: int) -> Iterator[slice]:
    """Yield slices of ``count`` rows whose descriptors take some ten megabytes."""
    for start in range(0, count, 4096):
        yield slice(start, min(start + 4096, count))


def _group_means(vectors: npt.NDArray[Any], rows: Rows, group: Rows) -> npt.NDArray[Any]:
    """Return the mean vector of each group of ``rows``; ``group`` is their index, in order."""
    sums = np.zeros((int(group[-1]) + 1, vectors.shape[1]))
    for part in _blocks(len(rows)):
        groups, starts = np.unique(group[part], return_index=True)
        sums[groups] += np.add.reduceat(vectors[rows[part]].astype(np.float64), starts, axis=0)
    sums /= np.bincount(group)[:, None]
    return sums.astype(vectors.dtype)
