"""Decode an image in this process, whatever its format."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image, UnidentifiedImageError

from hashlens.arrays import Pixels
from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import limits
from hashlens.images.deep_png import load_png
from hashlens.images.fit import Fit
from hashlens.images.formats import LARGE_WEBP, PHOTO_PACKAGES
from hashlens.images.frames import seek_drawn_frame
from hashlens.images.jpeg import load_jpeg, open_jpeg
from hashlens.images.metadata import orientation_of, without_metadata
from hashlens.images.photos import open_photo
from hashlens.images.photoshop import open_psd
from hashlens.images.quiet import quiet_pillow
from hashlens.images.square import bytes_per_pixel, own_bytes, to_square
from hashlens.images.tiff import open_tiff
from hashlens.images.webp import bytes_of_webp

OnNote = Callable[[str], None]
"""Called with what is worth saying of an image that could be read."""

_OUT_OF_MEMORY = ("memory", "decoder error -9")
"""How libraries say in their errors that they could not get memory."""
_JPEG_2000_BYTES = 20
"""Bytes per pixel that OpenJPEG and Pillow hold together: four components of 32 bits, the image."""
_SMALL = 1 << 18
"""Bytes from which on the decoding of a file is watched; less can't take long."""


def read_pixels(data: bytes, format_name: str, fit: Fit, on_note: OnNote) -> Pixels:
    """Decode an image file's bytes; like `hashlens.images.decode_image`, but always here.

    Raises
    ------
    ImageError
        Whatever is wrong with the data.
    """
    try:
        with quiet_pillow():
            return _read(data, format_name, fit, on_note)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"damaged image, or a kind of {format_name} that is not read") from None
    except Image.DecompressionBombError:
        raise ImageUnavailableError(
            "too large: it has more pixels than can be decoded safely"
        ) from None
    except MemoryError:
        raise limits.no_memory() from None
    except Exception as error:
        # Pillow's plugins raise whatever their parsers run into: OSError, SyntaxError, ValueError,
        # struct.error, KeyError, zlib.error, ... All others mean that the file is damaged.
        if any(sign in str(error).lower() for sign in _OUT_OF_MEMORY):
            raise limits.no_memory() from error
        raise ImageError(f"damaged image: {error or type(error).__name__}") from error


def _read(data: bytes, format_name: str, fit: Fit, on_note: OnNote) -> Pixels:
    """Decode as it is, and if that fails, without the metadata."""
    deadline = limits.Deadline()
    try:
        return _read_once(data, b"", format_name, fit, on_note, deadline)
    except (ImageError, MemoryError):
        raise
    except Exception as error:
        stripped = without_metadata(data, format_name)
        if stripped is None or len(stripped.data) == len(data):
            raise
        try:
            return _read_once(*stripped, format_name, fit, on_note, deadline)
        except (ImageError, MemoryError):
            raise
        except Exception:
            raise error from None  # The first error tells more.


def _read_once(
    data: bytes,
    exif: bytes,
    format_name: str,
    fit: Fit,
    on_note: OnNote,
    deadline: limits.Deadline,
) -> Pixels:
    is_watched = len(data) >= _SMALL or format_name == "BMP"
    file = limits.GuardedBytes(data, deadline) if is_watched else io.BytesIO(data)
    if format_name == "JPEG":
        jpeg, needed = open_jpeg(data, file, fit)
        with jpeg, limits.budget.hold(needed):
            image = load_jpeg(jpeg, data, fit, on_note)
            return to_square(image, orientation_of(image, exif), fit)
    held = bytes_of_webp(data) if format_name == "WEBP" else 0
    if held > limits.MAX_DECODE_BYTES:
        return _read_once(data, exif, LARGE_WEBP, fit, on_note, deadline)
    with limits.budget.hold(held), _open(data, file, format_name, fit) as image:
        limits.check_size(image.size)
        with limits.budget.hold(0 if held else _needed(image)):
            loaded = load_png(image, data) if format_name == "PNG" else image
            loaded.load()
            seek_drawn_frame(loaded, deadline)
            return to_square(loaded, orientation_of(loaded, exif), fit)


def _open(data: bytes, file: io.BytesIO, format_name: str, fit: Fit) -> Image.Image:
    if format_name == "TIFF":
        return open_tiff(data, file, fit)
    if format_name == "PSD":
        return open_psd(data, file)
    if format_name in PHOTO_PACKAGES:
        return open_photo(data, format_name, fit)
    image = Image.open(file, formats=(format_name,))
    if format_name == "JPEG2000":
        _reduce_jpeg_2000(image, fit)
    return image


def _reduce_jpeg_2000(image: Any, fit: Fit) -> None:
    """Let a JPEG 2000 that takes too much memory be decoded at 1/2, 1/4, ... of its size."""
    reduced = 0
    pixels = image.width * image.height
    while (
        pixels * _JPEG_2000_BYTES >> 2 * reduced > limits.MAX_DECODE_BYTES
        and min(image.size) >> reduced + 1 >= 2 * fit.shorter_side
    ):
        reduced += 1
    if reduced:
        image.reduce = reduced


def _needed(image: Image.Image) -> int:
    """Return the bytes that decoding takes; raise if they are too many."""
    pixels = image.width * image.height
    # Decoders hold two rows, and each image a pointer for each row.
    around = 8 * image.width + 24 * image.height
    limits.check_bytes(pixels * own_bytes(image) + around)
    return min(pixels * bytes_per_pixel(image) + around, limits.MAX_DECODE_BYTES)
