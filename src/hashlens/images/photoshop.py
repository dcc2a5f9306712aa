"""Decode Photoshop files: the composite of all layers.

Pillow reads 8 bits per channel; other depths and large documents (PSB) are read here.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from hashlens.arrays import Pixels
from hashlens.errors import ImageError
from hashlens.images.limits import check_bytes, check_size
from hashlens.images.samples import Samples, to_uint8

_GRAY, _RGB, _CMYK, _DUOTONE, _BITMAP = 1, 3, 4, 8, 0
_CHANNELS = {_BITMAP: 1, _GRAY: 1, _DUOTONE: 1, _RGB: 3, _CMYK: 4}
_TYPES = {1: "u1", 8: "u1", 16: ">u2", 32: ">f4"}
_WHITES = {1: 255.0, 8: 255.0, 16: 65535.0, 32: 1.0}
_RAW, _PACKED = 0, 1


def open_psd(data: bytes, file: io.BytesIO) -> Image.Image:
    """Open a Photoshop file.

    Raises
    ------
    ImageError
        If its composite is stored in a way that is not read, which is said.
    """
    version, channels, height, width, depth, mode = struct.unpack_from(">H6xHIIHH", data, 4)
    if depth == 8 and version == 1:
        return Image.open(file, formats=("PSD",))
    check_size((width, height))
    count = _CHANNELS.get(mode)
    if count is None or depth not in _TYPES or channels < count or version not in (1, 2):
        raise ImageError(
            f"a kind of Photoshop file that is not read: color mode {mode}, {depth} bits per "
            f"channel, {channels} channels, version {version}"
        )
    row_bytes = -(-width * depth // 8)
    check_bytes(count * height * (row_bytes + 2 * width))
    planes = _planes(data, version, (channels, count, height, row_bytes))
    if depth == 1:
        bits = np.unpackbits(planes[0], axis=1, count=width)
        return Image.fromarray((255 - 255 * bits).astype(np.uint8))
    samples: Samples = planes.view(_TYPES[depth])
    return _image_of(to_uint8(samples, (0.0, _WHITES[depth])), mode)


def _image_of(planes: Pixels, mode: int) -> Image.Image:
    if mode == _CMYK:  # Stored inverted: 255 is no ink.
        return Image.fromarray(np.ascontiguousarray(255 - planes.transpose(1, 2, 0)), "CMYK")
    if mode == _RGB:
        return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    return Image.fromarray(planes[0])


def _planes(data: bytes, version: int, shape: tuple[int, int, int, int]) -> Pixels:
    """Return the bytes of the color channels: uint8 of shape (channels, height, row bytes)."""
    channels, count, height, row_bytes = shape
    at = 26
    for length_bytes in (4, 4, 4 * version):  # Palette, resources, layers.
        at += length_bytes + int.from_bytes(data[at : at + length_bytes], "big")
    compression = int.from_bytes(data[at : at + 2], "big")
    at += 2
    if compression == _RAW:
        body = data[at : at + count * height * row_bytes]
        return np.frombuffer(body, np.uint8).reshape(count, height, row_bytes)
    if compression != _PACKED:
        raise ImageError(f"a Photoshop file of a compression that is not read: {compression}")
    at += channels * height * 2 * version  # The lengths of the rows.
    rows = Image.frombytes("L", (row_bytes, count * height), data[at:], "packbits", "L")
    return np.array(rows).reshape(count, height, row_bytes)
