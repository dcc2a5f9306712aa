"""Checks of what callers pass to an index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import MAX_BITS
from hashlens.errors import DataError, ParameterError


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
