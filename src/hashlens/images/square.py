"""Turn a decoded image into the square of pixels that a descriptor expects."""

from __future__ import annotations

from PIL import Image

from hashlens.arrays import Pixels
from hashlens.images.convert import extrema, is_deep, to_gray, to_rgb
from hashlens.images.fit import Fit, fit_image
from hashlens.images.limits import MAX_DECODE_BYTES

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes per pixel that Pillow takes for a mode; 4 for all others."""
_BAND_ROWS = 256


def to_square(image: Image.Image, orientation: int | None, fit: Fit) -> Pixels:
    """Return a loaded image as RGB, upright, at the size that ``fit`` describes.

    An image that is too large to be converted as a whole is first reduced, band by band.
    """
    turn = _TRANSPOSE.get(orientation or 1)
    pixels, held = image.width * image.height, 0
    if is_deep(image):
        held = pixels * own_bytes(image)
        image = to_gray(image)
    if held + pixels * (bytes_per_pixel(image) + 4 * (turn is not None)) > MAX_DECODE_BYTES:
        image = _reduced(image)
    rgb = to_rgb(image)
    return fit_image(rgb if turn is None else rgb.transpose(turn), fit)


def own_bytes(image: Image.Image) -> int:
    """Return the memory that the pixels of an image take, in bytes per pixel."""
    return _MODE_BYTES.get(image.mode, 4)


def bytes_per_pixel(image: Image.Image) -> int:
    """Return the memory that an image takes with its conversion to RGB, in bytes per pixel."""
    own = own_bytes(image)
    if is_deep(image):
        return own + 5
    if image.has_transparency_data:
        return own + 9 + 4 * (image.mode != "RGBA")
    return own + 4 * (image.mode != "RGB")


def _reduced(image: Image.Image) -> Image.Image:
    """Return an image at half its size, as RGB or RGBA."""
    mode = "RGB"
    if image.has_transparency_data:
        # Reducing would leave nothing of the colors below an alpha channel of zeros.
        is_unset = image.mode == "RGBA" and extrema(image)[3][1] == 0
        mode = "RGB" if is_unset else "RGBA"
    half = Image.new(mode, (-(-image.width // 2), -(-image.height // 2)))
    for top in range(0, image.height, 2 * _BAND_ROWS):
        band = image.crop((0, top, image.width, min(top + 2 * _BAND_ROWS, image.height)))
        half.paste(band.convert(mode).reduce(2), (0, top // 2))
    return half
