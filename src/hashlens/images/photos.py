"""Decode the formats of phones and cameras, by the packages of the extra ``photos``."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images.fit import Fit
from hashlens.images.formats import INSTALL_PHOTOS, LARGE_WEBP, PHOTO_PACKAGES
from hashlens.images.jpeg import open_jpeg
from hashlens.images.limits import check_size
from hashlens.images.metadata import orientation_of
from hashlens.images.samples import to_uint8

_SHORTEST_PREVIEW = 480
"""Pixels of the shorter side from which on a camera's preview stands for its picture; smaller ones
may have black bars."""
_TURNS = {
    3: Image.Transpose.ROTATE_180,
    5: Image.Transpose.ROTATE_90,
    6: Image.Transpose.ROTATE_270,
}
"""LibRaw's numbers for how a picture must be turned."""


def open_photo(data: bytes, format_name: str, fit: Fit) -> Image.Image:
    """Open an image of a format in `hashlens.images.formats.PHOTO_PACKAGES`.

    Raises
    ------
    ImageUnavailableError
        If the package that decodes the format is not installed.
    """
    package = PHOTO_PACKAGES[format_name]
    try:
        library = import_module(package)
    except ImportError:
        raise ImageUnavailableError(f"{format_name} needs more: {INSTALL_PHOTOS}") from None
    if format_name == "HEIF":
        return _open_heif(library, data)
    if format_name == "JPEG XL":
        return _open_jpeg_xl(library, data)
    if format_name == LARGE_WEBP:
        samples = library.webp_decode(data, hasalpha=True)
        return Image.frombuffer("RGBA", samples.shape[1::-1], samples, "raw", "RGBA", 0, 1)
    return _open_camera_raw(library, data, fit)


def _open_heif(pillow_heif: Any, data: bytes) -> Image.Image:
    """Open the primary image; libheif turns it upright."""
    pillow_heif.register_heif_opener(thumbnails=False)
    return Image.open(io.BytesIO(data), formats=("HEIF",))


def _open_jpeg_xl(imagecodecs: Any, data: bytes) -> Image.Image:
    """Decode the first frame; libjxl turns it upright."""
    samples = imagecodecs.jpegxl_decode(data, index=0, numthreads=1)
    if samples.ndim not in (2, 3):
        raise ImageError(f"a kind of JPEG XL that is not read: samples of shape {samples.shape}")
    white = 1.0 if samples.dtype.kind == "f" else float(np.iinfo(samples.dtype).max)
    return Image.fromarray(to_uint8(samples, (0.0, white)))


def _open_camera_raw(rawpy: Any, data: bytes, fit: Fit) -> Image.Image:
    """Open the preview that the camera made, or develop the picture at half its size."""
    with rawpy.imread(io.BytesIO(data)) as raw:
        try:
            preview = raw.extract_thumb()
        except rawpy.LibRawError:
            preview = None
        if preview is not None and preview.format == rawpy.ThumbFormat.JPEG:
            image = _opened_preview(preview.data, fit)
            if image is not None:
                return _turned(image, raw.sizes.flip)
        check_size((raw.sizes.raw_width, raw.sizes.raw_height))
        return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True))


def _opened_preview(data: bytes, fit: Fit) -> Image.Image | None:
    """Return a preview, decoded, if it is large enough and sound."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as header:
            if min(header.size) < max(_SHORTEST_PREVIEW, fit.shorter_side):
                return None
        image, _ = open_jpeg(data, io.BytesIO(data), fit)
        image.load()
    except Exception:  # Whatever is wrong with the preview, there is still the picture.
        return None
    return image


def _turned(image: Image.Image, flip: int) -> Image.Image:
    """Turn a preview as its picture is turned, unless it says itself how it lies."""
    if orientation_of(image) is not None or flip not in _TURNS:
        return image
    return image.transpose(_TURNS[flip])
