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


def to_uint8(samples: Samples, limits: tuple[float, float] | None = None) -> npt.NDArray[np.uint8]:
    """Scale samples to 0..255.

    Parameters
    ----------
    samples : array of shape (height, width, ...)
        Any integer or float type. NaN becomes 0.
    limits : (float, float), optional
        The values that become 0 and 255; by default those that `range_of` finds.

    Returns
    -------
    uint8 array of the same shape

    Raises
    ------
    ImageError
        If the samples are of another type.
    """
    if samples.dtype.kind not in "uifb":
        raise ImageError(f"samples of type {samples.dtype} are not read as an image")
    if samples.dtype == np.uint8 and limits in (None, (0.0, 255.0)):
        return samples
    low, high = limits or range_of(samples)
    wide: Any = np.float64 if samples.dtype.itemsize > 4 else np.float32
    scaled = np.empty(samples.shape, np.uint8)
    for rows in _bands(samples):
        with np.errstate(all="ignore"):
            band = (samples[rows].astype(wide) - wide(low)) * wide(255.0 / (high - low))
            scaled[rows] = np.clip(np.rint(np.nan_to_num(band, nan=0.0)), 0, 255)
    return scaled


def white_of(bits: int) -> tuple[float, float]:
    """Return the limits of unsigned integers of some bits."""
    return 0.0, float((1 << bits) - 1)


def range_of(samples: Samples) -> tuple[float, float]:
    """Return the values that become 0 and 255.

    The range is the smallest usual one that holds all samples:

    - unsigned 16 bits: 10, 12, 14 or 16 bits;
    - signed 8 and 16 bits, without negative values: all bits but the sign;
    - 32 bits: [0, 255], [0, 65535] or, from half of it on, the range of the unsigned type;
    - floats: [0, 1], [0, 255] or [0, 65535].

    Any other range (elevation, radiance) is stretched from its own minimum and maximum, since
    nothing in such a file says what white is.
    """
    low, high = _extrema(samples)
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    usual: tuple[float, ...] = (255.0, 65535.0)
    if kind == "u" and bits == 16:
        usual = tuple(white_of(depth)[1] for depth in _DEPTHS)
    elif kind == "u" and high >= 2.0 ** (bits - 1):
        usual = (white_of(bits)[1],)
    elif kind == "i" and bits <= 16:
        usual = (white_of(bits - 1)[1],)
    elif kind not in "ui":
        usual = (1.0, 255.0, 65535.0)
    for white in usual:
        if low >= 0 and high <= white:
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
