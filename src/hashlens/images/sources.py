"""Images as a caller may have them: a path, the bytes of a file, an array, a Pillow image."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
from PIL import Image

from hashlens.arrays import Pixels
from hashlens.errors import DataError, ImageError
from hashlens.images.convert import to_rgb
from hashlens.images.decode import decode_image
from hashlens.images.fit import Fit, fit_image, fit_pixels
from hashlens.images.image_file import read_image_file

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | Pixels | Image.Image
"""A path; the content of an image file; pixels, uint8 (height, width, 3); or a Pillow image."""


def pixels_of(source: ImageSource, fit: Fit) -> Pixels:
    """Return an image at the size that a descriptor expects: uint8 of shape (size, size, 3).

    Raises
    ------
    ImageError
        If the image can't be read, or is of another type. The text does not name it: see `name_of`.
    """
    if isinstance(source, Image.Image):
        return _pixels_of_pillow(source, fit)
    if isinstance(source, bytes):
        return decode_image(source, fit)
    if isinstance(source, (str, os.PathLike)):
        return decode_image(read_image_file(os.path.expanduser(source)).data, fit)
    if not hasattr(source, "__array__"):
        raise ImageError(
            "An image must be a path, the bytes of an image file, a uint8 array of shape (height, "
            f"width, 3) or a Pillow image. Got {type(source).__name__} instead."
        )
    try:
        return fit_pixels(source, fit)
    except DataError as error:
        raise ImageError(str(error)) from None


def name_of(source: ImageSource) -> str:
    """Return what to call an image in messages."""
    if isinstance(source, np.ndarray):
        return f"an array of shape {source.shape}"
    if isinstance(source, Image.Image):
        return f"a Pillow image of {source.width} x {source.height} pixels"
    return f"{len(source):,} bytes" if isinstance(source, bytes) else str(source)


def _pixels_of_pillow(image: Image.Image, fit: Fit) -> Pixels:
    try:
        return fit_image(to_rgb(image), fit)
    except Exception as error:  # An image that is not loaded yet raises whatever its decoder does.
        raise ImageError(f"damaged image: {error or type(error).__name__}") from error
