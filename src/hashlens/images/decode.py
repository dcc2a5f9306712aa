"""Decode image files to RGB pixels of the size that a descriptor expects.

Files may come from anyone, so they are not trusted: every failure is an `ImageError` whose text
does not contain the path (the caller knows it), memory and time are bounded, and what decoders
print is kept off stderr.
"""

from __future__ import annotations

from hashlens.arrays import Pixels
from hashlens.errors import ImageError
from hashlens.images.decoder_pool import read_pixels_apart
from hashlens.images.fit import Fit, fit_pixels
from hashlens.images.formats import FORMATS, IN_PROCESS, format_of
from hashlens.images.limits import MAX_DECODED_PIXELS
from hashlens.images.reading import OnNote, read_pixels

__all__ = ["FORMATS", "MAX_DECODED_PIXELS", "Fit", "Pixels", "decode_image", "fit_pixels"]


def decode_image(data: bytes, fit: Fit, on_note: OnNote | None = None) -> Pixels:
    """Decode an image file's bytes to the square of pixels that ``fit`` describes.

    The first frame of an animation that is not blank is used. The EXIF orientation is applied.
    Transparent parts are composited onto white, or onto black where white would hide all there is.
    CMYK, palette, gray and 16-bit images become 8-bit RGB. Color profiles are not applied, as the
    descriptors were trained without them. Broken metadata does not matter.

    Parameters
    ----------
    data : bytes
        The content of the file.
    fit : Fit
        Size, shape and filter of the result.
    on_note : callable, optional
        Called with what is worth saying of an image that could be read: that the end of a JPEG is
        missing.

    Returns
    -------
    uint8 array of shape (size, size, 3)
        RGB, 0 to 255.

    Raises
    ------
    ImageError
        If the data is empty, of an unknown format, damaged or truncated.
    ImageUnavailableError
        If it takes more memory or time than `hashlens.images.limits` allows, or a decoder is not
        installed. A large JPEG counts with the size that it is decoded to.

    Notes
    -----
    JPEG, PNG, GIF, BMP, Netpbm and WebP are decoded in the calling thread; other formats in a
    process of their own, which is started when first needed and kept.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (640, 480), "red").save(buffer, "PNG")
    >>> decode_image(buffer.getvalue(), Fit(2))[0]
    array([[255,   0,   0],
           [255,   0,   0]], dtype=uint8)
    """
    if not data:
        raise ImageError("the file is empty (0 bytes)")
    format_name = format_of(data)
    if format_name is None:
        raise ImageError("not an image, or of an unknown format")
    if format_name in IN_PROCESS:
        return read_pixels(data, format_name, fit, on_note or _ignore)
    return read_pixels_apart(data, format_name, fit)


def _ignore(note: str) -> None:
    """Drop a note."""
