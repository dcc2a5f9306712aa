"""Convert any mode that Pillow decodes to into 8-bit RGB."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a decoded image as RGB; transparency is composited onto white.

    Samples of 16 bits are scaled from [0, 65535]. Integers of 32 bits and floats are scaled from
    the smallest usual range that holds them all: [0, 1] (floats only), [0, 255] or [0, 65535]. Any
    other range (elevation, radiance) is stretched from its own minimum and maximum, since nothing
    in such a file says what white is. NaN becomes black.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith(("I", "F")):
        return _from_deep(image).convert("RGB")
    if image.has_transparency_data:
        return _on_white(image.convert("RGBA"))
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(image, mask=image.getchannel("A"))
    return canvas


def _from_deep(image: Image.Image) -> Image.Image:
    """Scale samples of more than 8 bits (modes I;16, I and F) to 8-bit gray."""
    samples = np.asarray(image, dtype=np.float32)
    low, high = _range_of(samples, image.mode)
    with np.errstate(all="ignore"):
        scaled = np.nan_to_num((samples - low) * (255.0 / (high - low)), nan=0.0)
    return Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _range_of(samples: npt.NDArray[np.float32], mode: str) -> tuple[float, float]:
    """Return the values that become 0 and 255."""
    if mode.startswith("I;16"):
        return 0.0, 65535.0
    finite = samples[np.isfinite(samples)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    usual = (255.0, 65535.0) if mode == "I" else (1.0, 255.0, 65535.0)
    for white in usual:
        if low >= 0.0 and high <= white:
            return 0.0, white
    return low, high if high > low else low + 1.0
