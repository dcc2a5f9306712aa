"""Packed binary codes; only this module defines their bit layout.

A code of ``bits`` bits is ``ceil(bits / 8)`` bytes of ``uint8`` in `numpy.packbits` order: bit 0 is
the most significant bit of byte 0. Unused bits of the last byte are zero. ``bits`` is a multiple of
8 between 8 and 512, so in practice there are no unused bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.errors import DataError, ParameterError

MAX_BITS = 512


def check_bits(bits: int, caller: str = "hashlens") -> int:
    """Return ``bits`` as an int, if it is a valid code length.

    Raises
    ------
    ParameterError
        If ``bits`` is not a multiple of 8 between 8 and 512.
    """
    if isinstance(bits, bool) or not isinstance(bits, (int, np.integer)):
        raise ParameterError(
            f"The 'bits' parameter of {caller} must be an int. Got {bits!r} instead."
        )
    if not 8 <= bits <= MAX_BITS or bits % 8:
        raise ParameterError(
            f"The 'bits' parameter of {caller} must be a multiple of 8 between 8 and {MAX_BITS}. "
            f"Got {bits!r} instead."
        )
    return int(bits)


def bytes_per_code(bits: int) -> int:
    """Return the number of bytes per code of ``bits`` bits."""
    return (bits + 7) // 8


def check_codes(codes: npt.ArrayLike, bits: int, caller: str = "hashlens") -> Codes:
    """Return ``codes`` as a C-contiguous ``uint8`` array of shape (n, bits / 8).

    Raises
    ------
    DataError
        If the dtype or shape is wrong. Codes are never converted from another dtype, because a
        float array is nearly always a vector that was not hashed.
    """
    array = np.asarray(codes)
    expected = bytes_per_code(bits)
    if array.dtype != np.uint8 or array.ndim != 2 or array.shape[1] != expected:
        raise DataError(
            f"{caller} expects packed codes of {bits} bits: dtype uint8, shape (n, {expected}). "
            f"Got dtype {array.dtype}, shape {array.shape} instead."
        )
    return np.ascontiguousarray(array)


def pack(bits: npt.ArrayLike) -> Codes:
    """Pack booleans of shape (n, bits) into codes of shape (n, ceil(bits / 8)).

    Examples
    --------
    >>> pack([[1, 0, 0, 0, 0, 0, 0, 1]])
    array([[129]], dtype=uint8)
    """
    array = np.asarray(bits)
    if array.ndim != 2:
        raise DataError(f"pack expects booleans of shape (n, bits). Got shape {array.shape}.")
    return np.packbits(array.astype(bool, copy=False), axis=1)


def unpack(codes: Codes, bits: int) -> npt.NDArray[np.uint8]:
    """Unpack codes of shape (n, ceil(bits / 8)) into zeros and ones of shape (n, bits).

    Examples
    --------
    >>> unpack(np.array([[129]], dtype=np.uint8), 8)
    array([[1, 0, 0, 0, 0, 0, 0, 1]], dtype=uint8)
    """
    return np.unpackbits(check_codes(codes, bits, "unpack"), axis=1, count=bits)


def hamming_distance(a: Codes, b: Codes) -> npt.NDArray[np.int32]:
    """Return the number of bits in which codes differ, broadcasting all but the last axis.

    This is the numpy definition that the compiled kernels are tested against. To search, use
    `hashlens.indexes`.

    Parameters
    ----------
    a, b : uint8 arrays of shape (..., bytes)

    Returns
    -------
    int32 array of the broadcast shape without the last axis

    Examples
    --------
    >>> a = np.array([[0b11110000]], dtype=np.uint8)
    >>> b = np.array([[0b11000001], [0b11110000]], dtype=np.uint8)
    >>> hamming_distance(a, b)
    array([3, 0], dtype=int32)
    """
    counts: npt.NDArray[np.int32] = np.bitwise_count(np.bitwise_xor(a, b)).sum(
        axis=-1, dtype=np.int32
    )
    return counts
