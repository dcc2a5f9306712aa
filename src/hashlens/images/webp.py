"""Check WebP files by their header, because opening one allocates its canvas."""

from __future__ import annotations

from hashlens.images.limits import check_size

_PIXEL_BYTES = 20
"""Bytes per pixel that libwebp and Pillow hold together: the canvas, its predecessor, two copies on
the way, and the image."""


def bytes_of_webp(data: bytes) -> int:
    """Return the bytes that decoding takes; raise if there are too many pixels."""
    if data[12:16] == b"VP8X" and len(data) >= 30:
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif data[12:16] == b"VP8L" and len(data) >= 25:
        packed = int.from_bytes(data[21:25], "little")
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif data[12:16] == b"VP8 " and len(data) >= 30:
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
    else:
        return 0
    check_size((width, height))
    return _PIXEL_BYTES * width * height
