"""Decode PNGs of 16 bits per channel whose samples use only some of their bits.

Pillow keeps the upper 8 of 16 bits in images of several channels, which leaves almost nothing of
10- and 12-bit samples.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image, ImageFile

from hashlens.arrays import Pixels
from hashlens.images.convert import extrema
from hashlens.images.samples import to_uint8

_IHDR_END = 33
_LOWER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
"""Pillow's raw modes that read the upper bytes of a PNG's samples, and those for the lower ones."""
_LONGEST = 63
"""Upper byte of the greatest sample of 14 bits."""


def load_png(image: Image.Image, data: bytes) -> Image.Image:
    """Decode an open PNG; return it, or an image of 8 bits whose samples were scaled."""
    tiles = getattr(image, "tile", [])
    raw_mode = tiles[0][3] if tiles else None
    image.load()
    if raw_mode not in (*_LOWER_BYTES, "LA;16B") or not _is_dark(image):
        return image
    upper = np.asarray(image)
    channels = upper.shape[2] - (image.mode[-1] == "A")
    deep = (upper.astype(np.uint16) << 8) | _lower_bytes(data, str(raw_mode))
    scaled = upper.copy()
    scaled[..., :channels] = to_uint8(deep[..., :channels])
    if image.mode[-1] == "A":
        scaled[..., -1:] = to_uint8(deep[..., -1:])
    result = Image.fromarray(scaled, image.mode)
    result.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return result


def _is_dark(image: Image.Image) -> bool:
    colors = extrema(image)[: 3 if image.mode.startswith("RGB") else 1]
    return all(high <= _LONGEST for _, high in colors)


def _lower_bytes(data: bytes, raw_mode: str) -> Pixels:
    if raw_mode == "LA;16B":  # The bytes of a pixel are laid out as those of 8-bit RGBA.
        header = data[12:24] + bytes([8, 6]) + data[26:29]
        data = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[_IHDR_END:]
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            return np.asarray(image)[..., 1::2]
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        assert isinstance(image, ImageFile.ImageFile)
        image.tile = [tile._replace(args=_LOWER_BYTES[raw_mode]) for tile in image.tile]
        return np.asarray(image)
