"""Scale samples of more than 8 bits to 8 bits."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hashlens.errors import ImageError

Samples: TypeAlias = npt.NDArray[Any]
"""Samples as they are in a file: integers or floats, of shape (height, width[, channels])."""

_DEPTHS = (10, 12, 14, 16)
"""Bits of cameras and scanners whose samples are kept in 16 bits."""
_BAND = 1 << 20
"""Samples that are scaled at a time, so that temporary arrays stay small."""


def to_uint8(
    samples: Samples, bits: int | None = None, white: float | None = None
) -> npt.NDArray[np.uint8]:
    """Scale samples to 0..255.

    Parameters
    ----------
    samples : array of shape (height, width, ...)
        Any integer or float type. NaN becomes 0.
    bits : int, optional
        Significant bits, if the file tells.
    white : float, optional
        The value that becomes 255, if it is known.

    Returns
    -------
    uint8 array of the same shape

    Notes
    -----
    Without ``bits`` and ``white``, the range is the smallest usual one that holds all samples:

    - unsigned 16 bits: 10, 12, 14 or 16 bits;
    - signed integers without negative values: as many bits as the type has, without the sign;
    - 32 bits: [0, 255], [0, 65535] or, from half of it on, the range of the type;
    - floats: [0, 1], [0, 255] or [0, 65535].

    Any other range (elevation, radiance) is stretched from its own minimum and maximum, since
    nothing in such a file says what white is.
    """
    if samples.dtype.kind not in "uifb":
        raise ImageError(f"samples of type {samples.dtype} are not read as an image")
    if samples.dtype == np.uint8 and bits in (None, 8) and white is None:
        return samples
    if bits is not None and samples.dtype.kind == "u":
        white = float((1 << bits) - 1)
    low, high = (0.0, white) if white is not None else range_of(samples)
    wide: Any = np.float64 if samples.dtype.itemsize > 4 else np.float32
    scaled = np.empty(samples.shape, np.uint8)
    for rows in _bands(samples):
        with np.errstate(all="ignore"):
            band = (samples[rows].astype(wide) - wide(low)) * wide(255.0 / (high - low))
            scaled[rows] = np.clip(np.rint(np.nan_to_num(band, nan=0.0)), 0, 255)
    return scaled


def range_of(samples: Samples) -> tuple[float, float]:
    """Return the values that become 0 and 255: see `to_uint8`."""
    low, high = _extrema(samples)
    kind, item_bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if low < 0:
        usual: tuple[float, ...] = ()
    elif kind == "u" and item_bits == 16:
        usual = tuple(float((1 << bits) - 1) for bits in _DEPTHS)
    elif kind == "i" and item_bits <= 16:
        usual = (float((1 << (item_bits - 1)) - 1),)
    elif kind in "ui":
        usual = (255.0, 65535.0)
        full = float((1 << (item_bits - (kind == "i"))) - 1)
        if kind == "u" and high > full / 2:
            usual = (full,)
    else:
        usual = (1.0, 255.0, 65535.0)
    for white in usual:
        if high <= white:
            return 0.0, white
    return low, high if high > low else low + 1.0


def _extrema(samples: Samples) -> tuple[float, float]:
    """Return the least and the greatest finite sample."""
    low, high = np.inf, -np.inf
    for rows in _bands(samples):
        band = samples[rows]
        if band.dtype.kind == "f":
            band = band[np.isfinite(band)]
        if band.size:
            low, high = min(low, float(band.min())), max(high, float(band.max()))
    return (low, high) if low <= high else (0.0, 1.0)


def _bands(samples: Samples) -> list[slice]:
    rows = max(1, _BAND * len(samples) // max(samples.size, 1))
    return [slice(start, start + rows) for start in range(0, len(samples), rows)]
