"""Convert any mode that Pillow decodes to into 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from hashlens.images.samples import range_of, to_uint8

_NEARLY_WHITE = 240
_DARK = "black"
_BAND_ROWS = 256
_DRAWN = 64
"""Difference of alpha, of 255, from which on the channel is taken to hold a drawing."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a decoded image as RGB.

    Transparency is composited onto white; onto black where white would leave a blank page although
    the alpha channel holds a drawing, as in white logos. An alpha channel that is 0 everywhere
    above a picture is a field that its writer left unset, and is ignored. Samples of more than 8
    bits are scaled as `hashlens.images.samples.to_uint8` says.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if is_deep(image):
        return to_gray(image).convert("RGB")
    if image.has_transparency_data:
        return _without_alpha(image.convert("RGBA"))
    return image.convert("RGB")


def _without_alpha(image: Image.Image) -> Image.Image:
    alpha = image.getchannel("A")
    *colors, (lowest, highest) = extrema(image)
    has_colors = any(low != high for low, high in colors)
    if lowest == 255 or (highest == 0 and has_colors):
        return image.convert("RGB")
    page = _on(image, alpha, "white")
    if highest - lowest >= _DRAWN and all(low >= _NEARLY_WHITE for low, _ in extrema(page)):
        return _on(image, alpha, _DARK)
    return page


def extrema(image: Image.Image) -> list[tuple[float, float]]:
    """Return the least and the greatest value of each band."""
    found: Any = image.getextrema()
    return list(found) if isinstance(found[0], tuple) else [found]


def _on(image: Image.Image, alpha: Image.Image, background: str) -> Image.Image:
    canvas = Image.new("RGB", image.size, background)
    canvas.paste(image, mask=alpha)
    return canvas


def is_deep(image: Image.Image) -> bool:
    """Whether an image has samples of more than 8 bits: mode I;16, I or F."""
    return image.mode.startswith(("I", "F"))


def to_gray(image: Image.Image) -> Image.Image:
    """Scale a deep image to 8-bit gray, band by band; what is transparent becomes white."""
    if image.mode == "I;16B":  # Pillow can hardly do anything with it.
        image = Image.fromarray(np.asarray(image).astype(np.uint16))
    low, high = _range_of(image)
    transparent = image.info.get("transparency")
    gray = Image.new("L", image.size)
    for top in range(0, image.height, _BAND_ROWS):
        box = (0, top, image.width, min(top + _BAND_ROWS, image.height))
        samples = np.asarray(image.crop(box))
        band = to_uint8(samples, (low, high))
        if isinstance(transparent, int):
            band[samples == transparent] = 255
        gray.paste(Image.fromarray(band), box)
    return gray


def _range_of(image: Image.Image) -> tuple[float, float]:
    """Return the values that become 0 and 255."""
    if image.mode == "F":
        return range_of(np.asarray(image))
    low, high = extrema(image)[0]
    # What a Netpbm file declares as white is 65535 once Pillow has read it.
    if image.format in ("PPM", "JPEG2000"):
        return 0.0, 65535.0
    is_short = image.mode.startswith("I;16") or image.format == "PNG"
    return range_of(np.array([low, high], np.uint16 if is_short else np.int32))
