"""Decode TIFF files: by Pillow what it reads right, by tifffile what it does not."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images.convert import extrema
from hashlens.images.fit import Fit
from hashlens.images.formats import INSTALL_PHOTOS
from hashlens.images.limits import check_bytes, check_size
from hashlens.images.photos import open_photo
from hashlens.images.samples import Samples, to_uint8, white_of

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_CIELAB, _ICCLAB = 8, 9
_SENSOR = (32803, 34892)
"""Photometric interpretations of camera RAW files: color filter array and linear raw."""
_COLORS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _CMYK: 4, _CIELAB: 3, _ICCLAB: 3}
_ASSOCIATED, _UNASSOCIATED = 1, 2
_UNSIGNED = 1
_REDUCED = 1
_DNG_VERSION, _SUBFILE_TYPE = 50706, 254
_LONGEST = 63
"""Upper byte of the greatest sample of 14 bits."""


def open_tiff(data: bytes, file: io.BytesIO, fit: Fit) -> Image.Image:
    """Open the first page at full resolution.

    Raises
    ------
    ImageError
        If it is of a kind that neither library reads right.
    """
    import tifffile

    try:
        tiff = tifffile.TiffFile(io.BytesIO(data))
        pages = [tiff.pages[number] for number in range(min(len(tiff.pages), 2))]
    except (tifffile.TiffFileError, ValueError, KeyError, IndexError, TypeError):
        return Image.open(file, formats=("TIFF",))
    if not pages:
        raise ImageError("damaged image: it has no page")
    if data[8:10] == b"CR" or _is_camera_raw(pages[0]):
        return open_photo(data, "camera RAW", fit)
    number = 1 if len(pages) > 1 and _is_reduced(pages[0]) and not _is_reduced(pages[1]) else 0
    page = pages[number]
    check_size((page.imagewidth, page.imagelength))
    if not _is_read_right(page):
        return _image_of(page)
    image = Image.open(file, formats=("TIFF",))
    if number:
        image.seek(number)
    if max(_bits(page)) > 8 and page.samplesperpixel > 1:
        return _of_deep_colors(image, page)
    return image


def _is_read_right(page: Any) -> bool:
    """Whether Pillow gives the right pixels."""
    deep, is_unsigned = max(_bits(page)) > 8, page.sampleformat in (_UNSIGNED, None)
    if not is_unsigned or len(set(_bits(page))) > 1:
        return False
    if not deep:
        return bool(page.photometric != _ICCLAB)
    if max(_bits(page)) != 16 or page.planarconfig != 1:
        return False
    has_one = page.samplesperpixel == 1
    return page.photometric in (_RGB, _CMYK) or (has_one and page.photometric == _BLACK_IS_ZERO)


def _of_deep_colors(image: Image.Image, page: Any) -> Image.Image:
    """Return an image of 16 bits, or one that is scaled if the samples use only some of them.

    Pillow keeps the upper 8 bits.
    """
    image.load()
    bands = extrema(image)[: 4 if image.mode == "CMYK" else 3]
    if any(high > _LONGEST for _, high in bands):
        return image
    try:
        return _image_of(page)
    except ImageError:
        return image


def _image_of(page: Any) -> Image.Image:
    """Decode a page with tifffile."""
    samples, colors = _samples_of(page), _COLORS.get(page.photometric)
    if colors is None or samples.shape[2] < colors:
        raise ImageError(_unread(page))
    bits = _bits(page)[0]
    limits = white_of(bits) if bits % 8 else None
    extra = page.extrasamples[:1] if samples.shape[2] > colors else ()
    color = to_uint8(samples[..., :colors], limits)
    if page.photometric == _WHITE_IS_ZERO:
        color = 255 - color
    if page.photometric in (_CIELAB, _ICCLAB):
        return _lab(samples[..., :3], page.photometric)
    if page.photometric == _CMYK:
        return Image.fromarray(color, "CMYK")
    if extra not in ((_ASSOCIATED,), (_UNASSOCIATED,)):
        return Image.fromarray(color[..., 0] if colors == 1 else color)
    alpha = to_uint8(samples[..., colors : colors + 1], limits)
    whole = np.concatenate([*[color] * (3 if colors == 1 else 1), alpha], axis=2)
    if extra == (_ASSOCIATED,):
        return Image.frombytes("RGBa", whole.shape[1::-1], whole.tobytes()).convert("RGBA")
    return Image.fromarray(whole, "RGBA")


def _samples_of(page: Any) -> Samples:
    """Return the samples as an array of shape (height, width, samples per pixel)."""
    if page.axes not in ("YX", "YXS", "SYX"):
        raise ImageError(_unread(page))
    check_bytes(2 * page.size * page.dtype.itemsize)
    try:
        samples: Samples = page.asarray()
    except (ValueError, KeyError, NotImplementedError, ImportError) as error:
        if "imagecodecs" in str(error) or "not supported" in str(error):
            raise ImageUnavailableError(
                f"its compression, {page.compression.name}, needs more: {INSTALL_PHOTOS}"
            ) from error
        raise
    if page.axes == "YX":
        return samples[..., None]
    return np.moveaxis(samples, 0, 2) if page.axes == "SYX" else samples


def _lab(samples: Samples, photometric: int) -> Image.Image:
    """Return CIELAB: 8 or 16 bits, a and b signed (CIELAB) or shifted by half (ICCLAB)."""
    eight = (samples >> 8 if samples.dtype.itemsize == 2 else samples).astype(np.uint8)
    if photometric == _ICCLAB:
        eight = eight ^ np.array([0, 128, 128], np.uint8)
    return Image.frombytes("LAB", eight.shape[1::-1], eight.tobytes(), "raw", "LAB")


def _bits(page: Any) -> tuple[int, ...]:
    bits = page.bitspersample
    return tuple(bits) if isinstance(bits, tuple) else (bits,)


def _is_reduced(page: Any) -> bool:
    return bool(int(page.subfiletype or 0) & _REDUCED)


def _is_camera_raw(page: Any) -> bool:
    if page.photometric in _SENSOR or _DNG_VERSION in page.tags:
        return True
    return any(sub.photometric in _SENSOR for sub in _sub_pages(page))


def _sub_pages(page: Any) -> Iterator[Any]:
    if page.subifds:
        yield from page.pages


def _unread(page: Any) -> str:
    bits = "/".join(str(bits) for bits in sorted(set(_bits(page))))
    kind = getattr(page.photometric, "name", page.photometric)
    return (
        f"a kind of TIFF that is not read: {page.samplesperpixel} samples of {bits} bits, "
        f"photometric interpretation {kind}, axes {page.axes}"
    )
