"""Decode PNGs of 16 bits per channel in full.

Pillow keeps the upper 8 of 16 bits in images of several channels, which leaves almost nothing of
10- and 12-bit samples, and does not tell which pixels have the transparent color.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image, ImageFile

from hashlens.images.convert import extrema
from hashlens.images.limits import check_bytes
from hashlens.images.samples import to_uint8, white_of

_IHDR_END = 33
_LOWER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
"""Pillow's raw modes that read the upper bytes of a PNG's samples, and those for the lower ones."""
_BAND_ROWS = 256


def load_png(image: Image.Image, data: bytes) -> Image.Image:
    """Decode an open PNG; scale its samples if they use only some of their 16 bits.

    Pixels of the transparent color become white.
    """
    tiles = getattr(image, "tile", [])
    raw_mode = tiles[0][3] if tiles else None
    image.load()
    if raw_mode not in (*_LOWER_BYTES, "LA;16B"):
        return image
    *colors, alpha = extrema(image) if image.mode[-1] == "A" else [*extrema(image), (0, 0)]
    bits = _bits_of(max(high for _, high in colors))
    transparent = image.info.pop("transparency", None)
    if bits == 16 and transparent is None:
        return image
    check_bytes(8 * image.width * image.height)
    channel_bits = [bits] * len(colors) + [_bits_of(alpha[1])] * (image.mode[-1] == "A")
    with _lower_bytes(data, raw_mode) as lower:
        for top in range(0, image.height, _BAND_ROWS):
            box = (0, top, image.width, min(top + _BAND_ROWS, image.height))
            low = np.asarray(lower.crop(box))
            if raw_mode == "LA;16B":
                low = low[..., [1, 1, 1, 3] if image.mode == "RGBA" else [1, 3]]
            deep = (np.asarray(image.crop(box)).astype(np.uint16) << 8) | low
            scaled = np.dstack(
                [to_uint8(deep[..., c], white_of(b)) for c, b in enumerate(channel_bits)]
            )
            if transparent is not None:
                scaled[(deep == transparent).all(axis=2)] = 255
            image.paste(Image.fromarray(scaled, image.mode), box)
    return image


def _bits_of(upper_byte: float) -> int:
    """Return the least usual depth that holds samples up to an upper byte."""
    return next((bits for bits in (10, 12, 14) if upper_byte < 1 << (bits - 8)), 16)


def _lower_bytes(data: bytes, raw_mode: str) -> Image.Image:
    """Return an image that holds the lower bytes of the samples."""
    if raw_mode == "LA;16B":  # The bytes of a pixel are laid out as those of 8-bit RGBA.
        header = data[12:24] + bytes([8, 6]) + data[26:29]
        data = data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[_IHDR_END:]
        return Image.open(io.BytesIO(data), formats=("PNG",))
    image = Image.open(io.BytesIO(data), formats=("PNG",))
    assert isinstance(image, ImageFile.ImageFile)
    image.tile = [tile._replace(args=_LOWER_BYTES[raw_mode]) for tile in image.tile]
    return image
