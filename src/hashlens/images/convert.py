"""Convert any mode that Pillow decodes to into 8-bit RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from hashlens.images.samples import to_uint8

_NEARLY_WHITE = 240
_DARK = "black"
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
    if image.mode.startswith(("I", "F")):
        return _from_deep(image).convert("RGB")
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


def _from_deep(image: Image.Image) -> Image.Image:
    """Scale samples of more than 8 bits (modes I;16, I and F) to 8-bit gray."""
    samples = np.asarray(image)
    # What Netpbm files declare as white is 65535 once Pillow has read them.
    declared = 65535.0 if image.format in ("PPM", "JPEG2000") and image.mode[0] == "I" else None
    gray = to_uint8(samples, white=declared)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        gray[samples == transparent] = 255
    return Image.fromarray(gray)
