"""Checks of what callers pass to an index."""

from __future__ import annotations

import math
import os
from collections.abc import Sized
from functools import cache

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import MAX_BITS
from hashlens.errors import DataError, ParameterError

_BYTES_PER_NEIGHBOR = 12
"""An id and a distance."""
_SMALL = 1 << 24
"""Results of so many neighbors are never refused."""
_MOST_PADDING = 1 << 27
"""Neighbors that are not there, in a result: 1.6 GB."""


def bits_of(codes: Codes, caller: str) -> int:
    """Return the code length of an array of codes.

    Raises
    ------
    DataError
        If its shape is not (n, bytes) with 1 to 64 bytes.
    """
    shape: tuple[int, ...] = np.shape(codes)
    if len(shape) != 2 or not 8 <= 8 * shape[1] <= MAX_BITS:
        raise DataError(
            f"{caller} expects packed codes: dtype uint8, shape (n, bits / 8), up to {MAX_BITS} "
            f"bits. Got shape {shape} instead."
        )
    return 8 * shape[1]


def check_k(k: int, caller: str, most: int | None = None) -> int:
    """Return ``k`` as an int.

    Raises
    ------
    ParameterError
        If it is not a positive integer, or larger than ``most``.
    """
    is_int = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
    if not is_int or k < 1 or (most is not None and k > most):
        expected = "≥ 1" if most is None else f"from 1 to {most}"
        raise ParameterError(f"The 'k' parameter of {caller} must be an int {expected}. Got {k!r}.")
    return int(k)


def check_size(queries: int, k: int, codes: Sized, caller: str) -> None:
    """Check that the result of a search fits into memory and does not consist of padding.

    Raises
    ------
    ParameterError
        If it does not: before memory is taken, since many systems grant more than they have.
    """
    if queries * k <= _SMALL:
        return
    held = len(codes)
    if queries * (k - held) > _MOST_PADDING:
        raise ParameterError(
            f"The 'k' parameter of {caller} must be near the number of codes at most, which is "
            f"{held}: more is padding, and there are {queries} queries. Got {k}."
        )
    if queries * k * _BYTES_PER_NEIGHBOR > _memory():
        gigabytes = queries * k * _BYTES_PER_NEIGHBOR / 1e9
        raise ParameterError(
            f"The 'k' parameter of {caller} must be smaller, or {queries} queries fewer: their "
            f"result would take {gigabytes:.0f} GB, more than there is memory. Got {k}."
        )


@cache
def _memory() -> float:
    """Return the size of memory in bytes; infinite where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def check_radius(radius: int, bits: int, caller: str) -> int:
    """Return ``radius`` as an int, at most ``bits``: no two codes are farther apart.

    Raises
    ------
    ParameterError
        If it is not a non-negative integer.
    """
    if isinstance(radius, bool) or not isinstance(radius, (int, np.integer)) or radius < 0:
        raise ParameterError(
            f"The 'radius' parameter of {caller} must be an int ≥ 0 (bits). Got {radius!r}."
        )
    return min(int(radius), bits)


def check_ids(ids: npt.ArrayLike, caller: str) -> Ids:
    """Return ids as a contiguous int64 array.

    Raises
    ------
    DataError
        If they are not integers of shape (n,).
    """
    array = np.asarray(ids)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise DataError(
            f"{caller} expects ids as integers of shape (n,). "
            f"Got dtype {array.dtype}, shape {array.shape} instead."
        )
    return np.ascontiguousarray(array, dtype=np.int64)
