"""Choose the frame of an animation that stands for it."""

from __future__ import annotations

from PIL import Image

from hashlens.images.convert import extrema
from hashlens.images.limits import MAX_DECODED_PIXELS, Deadline

_ANIMATED = {"GIF", "PNG", "WEBP", "AVIF", "HEIF"}
_MAX_PIXELS = 2 * MAX_DECODED_PIXELS
"""Pixels of the frames that are looked at, together."""
_FLAT = 8
"""Difference of samples, of 255, up to which a frame is blank: codecs leave faint traces."""


def seek_drawn_frame(image: Image.Image, deadline: Deadline) -> None:
    """Move an image that is loaded to its first frame that is not of a single color.

    If all are, or too many pixels would have to be looked at, it stays at the first frame.
    """
    if image.format not in _ANIMATED:
        return
    # A GIF must be read on to know whether it is animated; the others tell at once.
    if image.format != "GIF" and not getattr(image, "is_animated", False):
        return
    if not is_blank(image) or not getattr(image, "is_animated", False):
        return
    frames = 0
    while (frames + 2) * image.width * image.height <= _MAX_PIXELS:
        deadline.check()
        frames += 1
        try:
            image.seek(frames)
            image.load()
        except EOFError:
            break
        if not is_blank(image):
            return
    image.seek(0)
    image.load()


def is_blank(image: Image.Image) -> bool:
    """Whether all pixels have nearly the same color, or all are transparent."""
    bands = extrema(image)
    if image.mode == "P":
        return bands[0][0] == bands[0][1]
    if image.mode in ("RGBA", "LA", "PA") and bands[-1][1] == 0:
        return True
    return all(high - low <= _FLAT for low, high in bands)
