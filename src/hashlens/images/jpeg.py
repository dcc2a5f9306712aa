"""Decode JPEGs: at reduced scale, within bounds, and with the last rows missing."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images.fit import Fit
from hashlens.images.limits import MAX_DECODE_BYTES, check_size

_DRAFT_MARGINS = {8: 1.5, 4: 2.0, 2: 2.0}
"""Factor by which a JPEG decoded at 1/8, 1/4 or 1/2 of its size must still exceed the target, so
that the resampling filter sees nearly what it would see at full size. The factor is smallest for
the largest images, where decoding takes the most time."""

_MAX_SCANS = 100
_MAX_SCANNED_PIXELS = 2_000_000_000
"""Limits on scans, and on scans times pixels: each scan passes over the whole image, however short
it is in the file. Encoders write about ten."""

_MISSING = 0.1
"""Share of the pixels that an image may lack and still be read."""
_MID_GRAY = 128
_END = b"\xff\xd9"


class _Scan(NamedTuple):
    components: bytes
    first: int
    last: int
    low_bit: int


def open_jpeg(data: bytes, file: io.BytesIO, fit: Fit) -> tuple[JpegImagePlugin.JpegImageFile, int]:
    """Open a JPEG, to be decoded at the smallest scale that suits ``fit``.

    JPEGs are opened by their own class, because `Image.open` would refuse or warn about large ones
    for their full size, which is never decoded.

    Returns
    -------
    JpegImageFile
        Not decoded yet.
    int
        Bytes that decoding takes.
    """
    image = JpegImagePlugin.JpegImageFile(file)
    full_size, held = image.size, 0
    if _is_in_scans(image, data):
        held = _coefficient_bytes(image)
        _check_scans(data, image)
    for scale, margin in _DRAFT_MARGINS.items():
        if min(image.size) >= scale * margin * fit.shorter_side:
            side = min(image.size) // scale
            image.draft("RGB", (side, side))
            break
    check_size(image.size)
    needed = held + 4 * image.width * image.height
    if needed > MAX_DECODE_BYTES:
        raise ImageUnavailableError(
            f"too large: {full_size[0]} x {full_size[1]} pixels in several scans take "
            f"{needed:,} bytes to decode, the limit is {MAX_DECODE_BYTES:,}"
        )
    return image, needed


def load_jpeg(
    image: JpegImagePlugin.JpegImageFile, data: bytes, fit: Fit, on_note: Callable[[str], None]
) -> Image.Image:
    """Decode an open JPEG, though its last rows may be missing.

    Raises
    ------
    OSError
        If it is damaged, or too much of it is missing.
    """
    try:
        image.load()
        return image
    except OSError as error:
        if "truncated" not in str(error):
            raise
        # libjpeg ends an image that is cut off as well as it can once it sees the end marker.
        ended = data + _END
        whole, _ = open_jpeg(ended, io.BytesIO(ended), fit)
        whole.load()
        if _is_in_scans(image, data):
            if not _is_begun_everywhere(data, image):
                raise
            on_note("truncated: the end of the file is missing, and with it the finest details")
            return whole
        missing = _share_missing(whole, image)
        if missing > _MISSING:
            raise
        on_note(f"truncated: {missing:.1%} of its pixels are missing")
        return whole


def _share_missing(whole: Image.Image, partial: Image.Image) -> float:
    """Return the share of the pixels that an image which was cut off does not have.

    Parameters
    ----------
    whole : Image
        What libjpeg decoded; what is missing is mid-gray.
    partial : Image
        What Pillow had decoded when it ran out of data: rows of zeros follow the last row.
    """
    written = Image.new(partial.mode, partial.size)
    written.im = partial.im
    ours = np.asarray(whole).reshape(whole.height, whole.width, -1)
    differ = (ours != np.asarray(written).reshape(ours.shape)).any(axis=(1, 2))
    first = int(differ.argmax()) if differ.any() else whole.height
    is_gray = (np.abs(ours[first:].astype(np.int16) - _MID_GRAY) <= 1).all(axis=2)
    return float(is_gray.sum()) / (whole.width * whole.height)


def _is_in_scans(image: JpegImagePlugin.JpegImageFile, data: bytes) -> bool:
    """Return whether an image comes in several scans, of which libjpeg keeps all coefficients."""
    first = next(_scans(data), None)
    is_whole = first is not None and len(first.components) == image.layers
    return "progressive" in image.info or not is_whole


def _coefficient_bytes(image: JpegImagePlugin.JpegImageFile) -> int:
    """Return the size of all coefficients, of two bytes each, that libjpeg keeps until the end."""
    samplings = [(layer[1], layer[2]) for layer in image.layer]
    if not samplings or any(0 in sampling for sampling in samplings):
        raise ImageError("damaged image: its components have no sampling factors")
    widest, highest = (max(sampling[axis] for sampling in samplings) for axis in (0, 1))
    units = -(-image.width // (8 * widest)) * -(-image.height // (8 * highest))
    return sum(128 * units * across * down for across, down in samplings)


def _check_scans(data: bytes, image: JpegImagePlugin.JpegImageFile) -> None:
    scans = sum(1 for _ in _scans(data))
    if scans > _MAX_SCANS or scans * image.width * image.height > _MAX_SCANNED_PIXELS:
        raise ImageUnavailableError(
            f"takes too long to decode: {scans} scans of {image.width} x {image.height} pixels"
        )


def _scans(data: bytes) -> Iterator[_Scan]:
    """Yield the headers of the scans of the first image."""
    at = 2
    while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == 0xD9:
            return
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD7:
            at += 1 + (marker != 0xFF)
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            count = data[at + 4]
            tail = data[at + 5 + 2 * count : at + 8 + 2 * count]
            if len(tail) == 3:
                components = data[at + 5 : at + 5 + 2 * count : 2]
                yield _Scan(components, tail[0], tail[1], tail[2] & 15)
        at += 2 + length


def _is_begun_everywhere(data: bytes, image: JpegImagePlugin.JpegImageFile) -> bool:
    """Return whether the last scan of each coefficient is at least begun."""
    missing: dict[int, set[int]] = {layer[0]: set(range(64)) for layer in image.layer}
    for scan in _scans(data):
        if scan.low_bit == 0:
            for component in scan.components:
                missing.get(component, set[int]()).difference_update(
                    range(scan.first, scan.last + 1)
                )
    return bool(missing) and not any(missing.values())
