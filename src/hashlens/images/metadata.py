"""Keep what describes an image from getting in the way of its pixels.

Pillow refuses a file whose EXIF block, text, color profile or other ancillary data is broken, or
longer than it likes. The pixels do not depend on them, so such files are read again without them.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from PIL import Image

_ORIENTATION = 0x0112
_EXIF_SEARCH = 64
"""The TIFF header of an EXIF block begins within this many bytes, whatever was put before it."""
_INTEGERS = {1: 1, 3: 2, 4: 4}
"""Length, in bytes, of the TIFF types that may hold an orientation."""
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fdAT"}
_PNG_OPTIONAL = {b"tRNS": range(1, 257), b"acTL": range(8, 9), b"fcTL": range(26, 27)}
"""Other chunks that matter for the pixels, with the lengths that they may have."""
_PNG_TRANSPARENCY = {0: range(2, 3), 2: range(6, 7)}
"""Lengths of a PNG's tRNS chunk by color type, if they differ from those of palettes."""
_WEBP_DROPPED = {b"EXIF", b"XMP ", b"ICCP"}
_WEBP_FLAGS = 0x2C
"""The bits of a WebP header that announce the chunks in `_WEBP_DROPPED`."""


class Stripped(NamedTuple):
    """An image file without its metadata, and the EXIF block that it had."""

    data: bytes
    exif: bytes


def orientation_of(image: Image.Image, exif: bytes = b"") -> int | None:
    """Return the EXIF orientation of a loaded image, 1 to 8, or None.

    Parameters
    ----------
    image : Image
        Loaded, because formats such as PNG may store EXIF after the pixels.
    exif : bytes
        The EXIF block, if the image was opened without it.
    """
    try:
        value = image.getexif().get(_ORIENTATION)
    except Exception:  # Pillow raises whatever its parsers run into.
        value = None
    if isinstance(value, int):
        return value
    block = exif or image.info.get("exif", b"")
    return orientation_in(block) if isinstance(block, bytes) else None


def orientation_in(exif: bytes) -> int | None:
    """Return the orientation in the first directory of an EXIF block, however it is wrapped."""
    for order, header in (("little", b"II*\0"), ("big", b"MM\0*")):
        start = exif.find(header, 0, _EXIF_SEARCH)
        if start >= 0:
            return _first_directory(exif[start:], order == "little")
    return None


def _first_directory(tiff: bytes, little: bool) -> int | None:
    def number(at: int, length: int) -> int:
        return int.from_bytes(tiff[at : at + length], "little" if little else "big")

    at = number(4, 4)
    for entry in range(at + 2, min(at + 2 + 12 * number(at, 2), len(tiff) - 11), 12):
        if number(entry, 2) == _ORIENTATION:
            value = number(entry + 8, _INTEGERS.get(number(entry + 2, 2), 0))
            return value if 1 <= value <= 8 else None
    return None


def without_metadata(data: bytes, format_name: str) -> Stripped | None:
    """Return a file with its pixels alone, or None if the format is not one that is rewritten."""
    strip = {"JPEG": _strip_jpeg, "PNG": _strip_png, "WEBP": _strip_webp}.get(format_name)
    return None if strip is None else strip(data)


def _strip_jpeg(data: bytes) -> Stripped:
    """Drop application segments and comments up to the first scan, but those that tell colors."""
    kept, exif, at = [data[:2]], b"", 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # Padding.
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            break
        if marker == 0xE1 and data[at + 4 : at + 8] == b"Exif":
            exif = exif or data[at + 4 : end]
        if marker in (0xE0, 0xEE) or not (0xE1 <= marker <= 0xEF or marker == 0xFE):
            kept.append(data[at:end])
        at = end
    return Stripped(b"".join([*kept, data[at:]]), exif)


def _strip_png(data: bytes) -> Stripped:
    kept, exif, at = [data[:8]], b"", 8
    color_type = data[25] if len(data) > 25 else 0
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if name == b"eXIf":
            exif = data[at + 8 : end - 4]
        lengths = _PNG_OPTIONAL.get(name, range(0))
        if name == b"tRNS":
            lengths = _PNG_TRANSPARENCY.get(color_type, lengths)
        if name in _PNG_KEPT or (length in lengths and _has_right_checksum(data[at:end])):
            kept.append(data[at:end])
        if name == b"IEND":
            break
        at = end
    return Stripped(b"".join(kept), exif)


def _has_right_checksum(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _strip_webp(data: bytes) -> Stripped:
    kept, exif, at = [], b"", 12
    while at + 8 <= len(data):
        name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + length + (length & 1)
        chunk = data[at:end]
        if name == b"EXIF":
            exif = chunk[8:]
        if name == b"VP8X" and len(chunk) > 8:
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        if name not in _WEBP_DROPPED:
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return Stripped(b"RIFF" + len(body).to_bytes(4, "little") + body, exif)
