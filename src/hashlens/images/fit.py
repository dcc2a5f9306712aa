"""Resize an image of any shape to the square that a descriptor expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from hashlens.arrays import Pixels
from hashlens.errors import DataError, ParameterError

Interpolation = Literal["bicubic", "bilinear", "lanczos"]

_RESAMPLING = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}

_RESAMPLED_BYTES = 64_000_000
"""Maximum size of the image that Pillow makes between resampling rows and columns, in bytes."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How an image of any shape becomes a square of ``size`` × ``size`` pixels.

    Parameters
    ----------
    size : int
        Side of the square, in pixels.
    mode : {"squash", "crop"}
        ``squash`` resizes both sides to ``size``, which keeps all content but not the aspect ratio.
        ``crop`` resizes the shorter side to ``floor(size / crop_fraction)`` and keeps the central
        square, with exactly the geometry of timm's and torchvision's evaluation transforms.
    interpolation : {"bicubic", "bilinear", "lanczos"}
        The resampling filter; always antialiased.
    crop_fraction : float
        Share of the resized shorter side that ``crop`` keeps, in (0, 1].

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    Examples
    --------
    >>> Fit(224, "crop", crop_fraction=0.875).shorter_side
    256
    """

    size: int
    mode: Literal["squash", "crop"] = "squash"
    interpolation: Interpolation = "bicubic"
    crop_fraction: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or not 1 <= self.size <= 4096:
            raise _unfit("size", "an int between 1 and 4096", self.size)
        if self.mode not in ("squash", "crop"):
            raise _unfit("mode", "'squash' or 'crop'", self.mode)
        if self.interpolation not in _RESAMPLING:
            raise _unfit("interpolation", f"one of {sorted(_RESAMPLING)}", self.interpolation)
        if not 0 < self.crop_fraction <= 1:
            raise _unfit("crop_fraction", "in (0, 1]", self.crop_fraction)

    @property
    def shorter_side(self) -> int:
        """Pixels of the shorter side after resizing, before any crop."""
        return self.size if self.mode == "squash" else int(self.size / self.crop_fraction)


def _unfit(name: str, expected: str, value: object) -> ParameterError:
    return ParameterError(
        f"The {name!r} parameter of Fit must be {expected}. Got {value!r} instead."
    )


def fit_pixels(pixels: npt.ArrayLike, fit: Fit) -> Pixels:
    """Resize pixels that are already in memory, as `decode_image` does.

    Parameters
    ----------
    pixels : uint8 array of shape (height, width, 3)
    fit : Fit

    Returns
    -------
    uint8 array of shape (size, size, 3)

    Raises
    ------
    DataError
        If the array has another dtype or shape.
    """
    array = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise DataError(
            "An image in memory must be a uint8 array of shape (height, width, 3). "
            f"Got dtype {array.dtype}, shape {array.shape} instead."
        )
    return fit_image(Image.fromarray(np.ascontiguousarray(array)), fit)


def fit_image(image: Image.Image, fit: Fit) -> Pixels:
    """Return the resized square of an RGB image, uint8 of shape (size, size, 3)."""
    square, resampling = (fit.size, fit.size), _RESAMPLING[fit.interpolation]
    if fit.mode == "squash":
        return np.array(_shortened(image, fit).resize(square, resampling))
    return np.array(image.resize(square, resampling, box=_crop_box(image.size, fit)))


def _shortened(image: Image.Image, fit: Fit) -> Image.Image:
    """Return an image whose sides are short enough to be resampled in little memory.

    Pillow keeps a table as long as the longer side, and an image of its length and of the width of
    the result: gigabytes for a strip of a hundred million pixels.
    """
    longest = max(4 * fit.size, _RESAMPLED_BYTES // (4 * fit.size))
    factors = (-(-image.width // longest), -(-image.height // longest))
    return image if factors == (1, 1) else image.reduce(factors)


def _crop_box(size: tuple[int, int], fit: Fit) -> tuple[float, float, float, float]:
    """Return where the central square of the resized image lies in the image.

    Resizing only this box gives the same pixels as resizing and then cropping, without creating the
    whole resized image, which for a strip of 10,000 x 1 pixels would be millions of pixels wide.
    """
    width, height = size
    side = fit.shorter_side
    shorter = min(size)
    resized = (side * width // shorter, side * height // shorter)
    left, top = (round((length - fit.size) / 2) for length in resized)
    x_scale, y_scale = width / resized[0], height / resized[1]
    right, bottom = (left + fit.size) * x_scale, (top + fit.size) * y_scale
    return left * x_scale, top * y_scale, min(right, width), min(bottom, height)
