"""What the learned arrays of a hasher must look like, before it uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.errors import FormatError

MAX_AXIS = 1 << 24
"""Longest axis of a learned array."""


def check_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], axes: Mapping[str, str | None], bits: int, caller: str
) -> None:
    """Refuse arrays that a hasher of this kind can't have learned.

    Parameters
    ----------
    arrays : mapping of str to array
    axes : mapping of str to str or None
        Name of an array → a letter for each of its axes; None for any shape. Axes with one letter
        have one length, which is above 0: K is that of the code, in bits; 0 alone is 0.
    bits : int
    caller : str
        Name of the hasher's class.

    Raises
    ------
    FormatError
        If an array is missing, is not of finite numbers, or has another shape.
    """
    lengths = {"K": bits, "0": 0}
    for name, letters in axes.items():
        if name not in arrays:
            held = ", ".join(sorted(arrays)) or "nothing"
            raise FormatError(f"The state of {caller} holds no array {name!r}. It holds: {held}.")
        array = arrays[name]
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            raise FormatError(
                f"The array {name!r} of {caller} must hold numbers. Got dtype {array.dtype} "
                "instead."
            )
        if letters is not None and not _fits(array.shape, letters, lengths):
            wanted = ", ".join(str(lengths.get(letter, letter)) for letter in letters)
            raise FormatError(
                f"The array {name!r} of {caller} must have the shape ({wanted}). "
                f"Got {array.shape} instead."
            )
        if not np.isfinite(array).all():
            raise FormatError(f"The array {name!r} of {caller} must be finite. It is not.")


def _fits(shape: tuple[int, ...], letters: str, lengths: dict[str, int]) -> bool:
    """Compare a shape with known lengths; if it fits, add those that were not known."""
    if len(shape) != len(letters):
        return False
    found = dict(lengths)
    for letter, length in zip(letters, shape, strict=True):
        if found.setdefault(letter, length) != length or length > MAX_AXIS:
            return False
        if length == 0 and letter != "0":
            return False
    lengths.update(found)
    return True
