"""Contact sheets: queries and their results as one picture, for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from hashlens.collection import Hit
from hashlens.errors import HashlensError, ImageError
from hashlens.images import Fit, decode_image, read_image_file

_TILE, _GAP, _TEXT = 160, 12, 30
"""Side of a picture, space around it, and height of the text below it, in pixels."""
_COLUMNS = 10
_PAPER, _INK, _FAINT, _ACCENT = "#ffffff", "#1a1a1a", "#777777", "#0b63b5"


def save_sheet(out: Path, results: Sequence[tuple[str, Sequence[Hit]]]) -> None:
    """Draw queries and their results to a picture file.

    Parameters
    ----------
    out : Path
        The suffix chooses the format: ``.png``, ``.jpg`` or another that Pillow writes.
    results : sequence of (path of the query, hits)
        Hits are drawn beside their query, ten per line. Images that can't be read any more are
        marked as such.

    Raises
    ------
    HashlensError
        If the file can't be written.
    """
    lines = [max(1, -(-len(hits) // _COLUMNS)) for _, hits in results]
    columns = 1 + min(_COLUMNS, max([len(hits) for _, hits in results], default=0))
    width = columns * (_TILE + _GAP) + 2 * _GAP
    sheet = Image.new("RGB", (width, sum(lines) * (_TILE + _TEXT) + 2 * _GAP), _PAPER)
    top = _GAP
    for (query, hits), count in zip(results, lines, strict=True):
        _draw_tile(sheet, (_GAP, top), query, "query", _ACCENT)
        for place, hit in enumerate(hits):
            left = 2 * _GAP + (1 + place % _COLUMNS) * (_TILE + _GAP)
            at = (left, top + place // _COLUMNS * (_TILE + _TEXT))
            _draw_tile(sheet, at, hit.path, f"{hit.distance} bits", _INK)
        top += count * (_TILE + _TEXT)
    try:
        sheet.save(out)
    except (OSError, ValueError) as error:
        raise HashlensError(f"The contact sheet can't be written to {out}: {error}") from error


def _draw_tile(sheet: Image.Image, at: tuple[int, int], path: str, text: str, ink: str) -> None:
    left, top = at
    draw = ImageDraw.Draw(sheet)
    frame = (left, top, left + _TILE - 1, top + _TILE - 1)
    try:
        pixels = decode_image(read_image_file(path).data, Fit(_TILE, "crop"))
        sheet.paste(Image.fromarray(pixels), at)
    except ImageError:
        draw.rectangle(frame, outline=_FAINT)
        draw.text((left + 8, top + 8), "can't be read now", fill=_FAINT, font=_font(12))
    if ink == _ACCENT:
        draw.rectangle(frame, outline=ink, width=4)
    draw.text((left, top + _TILE + 1), text, fill=ink, font=_font(13))
    # Pillow's built-in font has few letters beyond ASCII.
    name = os.path.basename(path).encode("ascii", "replace").decode()
    draw.text((left, top + _TILE + 15), name[:24], fill=_FAINT, font=_font(10))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
