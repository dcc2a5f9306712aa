"""Decode image files to RGB pixels of the size that a descriptor expects.

Files may come from anyone, so they are not trusted: every failure is an `ImageError` whose text
does not contain the path (the caller knows it), sizes are checked before pixels are allocated, and
Pillow's warnings are kept off stderr.
"""

from __future__ import annotations

import io

from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from hashlens.arrays import Pixels
from hashlens.errors import ImageError
from hashlens.images.convert import to_rgb
from hashlens.images.fit import Fit, fit_image, fit_pixels
from hashlens.images.quiet import quiet_pillow

__all__ = ["FORMATS", "MAX_DECODED_PIXELS", "Fit", "Pixels", "decode_image", "fit_pixels"]

FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".jpx", ".jpf"),
    "ICO": (".ico",),
    "PSD": (".psd",),
    "QOI": (".qoi",),
    "SGI": (".sgi", ".rgb"),
    "DDS": (".dds",),
    "PCX": (".pcx",),
}
"""Pillow's names of the formats that are read, with their suffixes. Formats without a signature
(anything would pass for one) and those that start another program (EPS) are left out on purpose."""

MAX_DECODED_PIXELS = 80_000_000
"""Maximum number of pixels to decode for one image: 320 MB at Pillow's four bytes per pixel."""

_DRAFT_MARGINS = {8: 1.5, 4: 2.0, 2: 2.0}
"""Factor by which a JPEG decoded at 1/8, 1/4 or 1/2 of its size must still exceed the target, so
that the resampling filter sees nearly what it would see at full size. The factor is smallest for
the largest images, where decoding takes the most time."""

_ORIENTATION_TAG = 0x0112
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COMMON = ("PNG", "GIF", "BMP", "PPM")


def decode_image(data: bytes, fit: Fit) -> Pixels:
    """Decode an image file's bytes to the square of pixels that ``fit`` describes.

    The first frame of an animation is used. The EXIF orientation is applied. Transparent parts are
    composited onto white. CMYK, palette, gray and 16-bit images become 8-bit RGB. Color profiles
    are not applied, as the descriptors were trained without them.

    Parameters
    ----------
    data : bytes
        The content of the file.
    fit : Fit
        Size, shape and filter of the result.

    Returns
    -------
    uint8 array of shape (size, size, 3)
        RGB, 0 to 255.

    Raises
    ------
    ImageError
        If the data is empty, of an unknown format, damaged or truncated, or has more pixels than
        `MAX_DECODED_PIXELS`. A large JPEG counts with the size that it is decoded to.

    Examples
    --------
    >>> buffer = io.BytesIO()
    >>> Image.new("RGB", (640, 480), "red").save(buffer, "PNG")
    >>> decode_image(buffer.getvalue(), Fit(2))[0]
    array([[255,   0,   0],
           [255,   0,   0]], dtype=uint8)
    """
    if not data:
        raise ImageError("the file is empty (0 bytes)")
    try:
        with quiet_pillow(), _open(data) as image:
            if isinstance(image, JpegImagePlugin.JpegImageFile):
                _draft(image, data, fit)
            _check_pixels(image.size)
            # After loading, because formats such as PNG may store EXIF after the pixels.
            image.load()
            orientation = image.getexif().get(_ORIENTATION_TAG)
            return fit_image(_upright(to_rgb(image), orientation), fit)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("not an image, or of an unknown format") from None
    except Image.DecompressionBombError:
        raise ImageError("too large: it has more pixels than can be decoded safely") from None
    except MemoryError:
        raise ImageError("too large: there is not enough memory to decode it") from None
    except Exception as error:
        # Pillow's plugins raise whatever their parsers run into: OSError, SyntaxError, ValueError,
        # struct.error, KeyError, zlib.error, ... All of them mean that the file is damaged.
        raise ImageError(f"damaged image: {error or type(error).__name__}") from error


def _open(data: bytes) -> Image.Image:
    """Open an image without decoding it.

    JPEGs are opened by their own class, because `Image.open` would refuse or warn about large ones
    for their full size, which is never decoded.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _check_webp_canvas(data)
    try:
        return Image.open(io.BytesIO(data), formats=_COMMON)
    except UnidentifiedImageError:
        # The other plugins take time to import, so they are only loaded when needed.
        Image.init()
        return Image.open(io.BytesIO(data), formats=[f for f in FORMATS if f in Image.OPEN])


def _draft(image: JpegImagePlugin.JpegImageFile, data: bytes, fit: Fit) -> None:
    """Let libjpeg scale while decoding, unless it would keep all coefficients in memory."""
    if "progressive" in image.info or not _is_single_scan(image, data):
        _check_pixels(image.size)
    for scale, margin in _DRAFT_MARGINS.items():
        if min(image.size) >= scale * margin * fit.shorter_side:
            side = min(image.size) // scale
            image.draft("RGB", (side, side))
            return


def _is_single_scan(image: JpegImagePlugin.JpegImageFile, data: bytes) -> bool:
    """Return whether the scan that Pillow stopped at holds all components, so libjpeg streams."""
    header_bytes = 6 + 2 * image.layers
    end = image.fp.tell() if image.fp is not None else 0
    header = data[max(0, end - header_bytes - 2) : end]
    return header[:2] == b"\xff\xda" and header[4:5] == bytes([image.layers])


def _check_webp_canvas(data: bytes) -> None:
    """Refuse a large WebP by its header, because opening it allocates the canvas."""
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
        return
    _check_pixels((width, height))


def _check_pixels(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_DECODED_PIXELS:
        raise ImageError(
            f"too large: {width} x {height} pixels to decode, "
            f"the limit is {MAX_DECODED_PIXELS:,} pixels"
        )


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    transpose = _TRANSPOSE.get(orientation) if isinstance(orientation, int) else None
    return image if transpose is None else image.transpose(transpose)
