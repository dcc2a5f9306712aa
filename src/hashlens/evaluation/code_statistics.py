"""What codes are like, labels aside: the paper's three constraints on a code, as figures.

References
----------
Zelensky, Pismenskova, Voronin, Proceedings of TUSUR 21(3), 2018: little information is lost
between descriptor and code; each bit is on for half of the data; bits are almost uncorrelated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Doubles
from hashlens.codes import check_codes, unpack
from hashlens.errors import DataError

RANK_TOLERANCE = 1e-6
"""Directions of the bits below this share of the strongest are taken for dependent bits."""


@dataclass(frozen=True, slots=True)
class CodeStatistics:
    """Figures of a set of codes.

    Attributes
    ----------
    bit_imbalance : float
        Mean over bits of |share of ones − ½|, in [0, ½]; 0 is balanced.
    worst_bit_imbalance : float
        The same of the least balanced bit.
    constant_bits : int
        Bits that have one value on all codes.
    bit_correlation : float
        Mean absolute Pearson correlation over pairs of different, non-constant bits, in [0, 1];
        NaN with fewer than two such bits.
    unique_codes_per_thousand : float
        Different codes for each 1,000 items, in (0, 1000].
    """

    bit_imbalance: float
    worst_bit_imbalance: float
    constant_bits: int
    bit_correlation: float
    unique_codes_per_thousand: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the figures by name, for JSON, which has None in the place of NaN."""
        return {name: None if np.isnan(value) else value for name, value in asdict(self).items()}


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
    """Return the share of codes in which each bit is on, shape (bits,)."""
    packed = check_codes(codes, bits, "code statistics")
    if len(packed) == 0:
        raise DataError("Code statistics expect at least one code. Got none.")
    return np.asarray(unpack(packed, bits).mean(axis=0, dtype=np.float64))


def bit_correlations(codes: Codes, bits: int) -> Doubles:
    """Return Pearson correlations between bits, shape (bits, bits); NaN for constant bits."""
    shares = bit_shares(codes, bits)
    values = unpack(codes, bits).astype(np.float32)
    # Counts of ones in common are integers below 2**24 and therefore exact in float32.
    together = (values.T @ values).astype(np.float64) / len(values)
    covariance = together - np.outer(shares, shares)
    spread = np.sqrt(shares * (1 - shares))
    scale = np.outer(spread, spread)
    undefined = np.full(scale.shape, np.nan)
    return np.asarray(np.divide(covariance, scale, out=undefined, where=scale > 0))


def _mean_absolute_correlation(codes: Codes, bits: int) -> float:
    pairs = bit_correlations(codes, bits)[np.triu_indices(bits, k=1)]
    defined = np.abs(pairs[~np.isnan(pairs)])
    return float(min(defined.mean(), 1.0)) if len(defined) else float("nan")


def unique_code_groups(codes: Codes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the number of each code's group of equal codes, and the sizes of the groups.

    Examples
    --------
    >>> unique_code_groups(np.array([[9], [3], [9]], dtype=np.uint8))
    (array([1, 0, 1]), array([1, 2]))
    """
    # One opaque item a row sorts several times faster than np.unique over an axis.
    packed = np.ascontiguousarray(codes)
    rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, group, sizes = np.unique(rows, return_inverse=True, return_counts=True)
    return group.astype(np.int64).ravel(), sizes.astype(np.int64)


def quantization_error(codes: Codes, descriptors: npt.ArrayLike) -> float:
    """Return the paper's E_q = (1/n) Σ ‖x_i − C(x_i)‖, C the mean of those that share x_i's code.

    Equation (2) of the paper. It falls to 0 where every code is unique, so it can be compared
    between methods only at equal length and beside the number of unique codes;
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
    # An item that has its code for itself lies on its center: only shared codes have an error.
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
    """Return the share of descriptor variance that no linear decoder recovers from the bits.

    ‖X − X'‖² / ‖X − mean‖², X' the least-squares fit of X by the bits and a constant: 0 where the
    code tells all, 1 where it tells nothing. One yardstick for every method, with or without a
    decoder of its own.

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
    """Yield slices of ``count`` rows whose descriptors fit in some ten megabytes."""
    for start in range(0, count, 4096):
        yield slice(start, min(start + 4096, count))


def _group_means(
    vectors: npt.NDArray[Any], rows: npt.NDArray[np.int64], group: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Return the mean vector of each group of ``rows``; ``group`` numbers them and ascends."""
    sums = np.zeros((int(group[-1]) + 1, vectors.shape[1]))
    for part in _blocks(len(rows)):
        groups, starts = np.unique(group[part], return_index=True)
        sums[groups] += np.add.reduceat(vectors[rows[part]].astype(np.float64), starts, axis=0)
    sums /= np.bincount(group)[:, None]
    return sums.astype(vectors.dtype)
