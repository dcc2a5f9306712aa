"""Contact sheets: queries and their results as one picture, for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

from hashlens.collection import Hit
from hashlens.errors import ImageError, ParameterError
from hashlens.files.atomic import check_output, replacing
from hashlens.images import Fit, decode_image, read_image_file
from hashlens.printable import printable

_TILE, _GAP, _TEXT = 160, 12, 30
"""Side of a picture, space around it, and height of the text below it, in pixels."""
_COLUMNS, _LINES = 10, 80
"""Hits per line, and lines per page: no format has a limit below this height (WebP: 16,383)."""
_PAPER, _INK, _FAINT, _ACCENT = "#ffffff", "#1a1a1a", "#777777", "#0b63b5"
_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
}
"""Formats by suffix, as Pillow calls them."""


class _Line(NamedTuple):
    query: str
    hits: Sequence[Hit]
    is_first: bool
    """Whether it is the first line of its query."""


def check_sheet(out: Path) -> None:
    """Refuse a place or a suffix to which no contact sheet can be written.

    Raises
    ------
    ParameterError
    """
    if out.suffix.lower() not in _FORMATS:
        raise ParameterError(
            f"The contact sheet can't be written to {out}: expected a name that ends with "
            f"{', '.join(_FORMATS)}."
        )
    if not out.parent.is_dir():
        raise ParameterError(
            f"The contact sheet can't be written to {out}: there is no folder {out.parent}."
        )
    check_output(out)


def save_sheet(out: Path, results: Sequence[tuple[str, Sequence[Hit]]]) -> list[Path]:
    """Draw queries and their results to picture files.

    Parameters
    ----------
    out : Path
        The suffix chooses the format: ``.png``, ``.jpg``, ``.webp``, ``.tif``, ``.bmp`` or
        ``.gif``. What does not fit on a page of 80 lines, about 15,000 pixels, goes to further
        ones: ``out-1.png``, ``out-2.png``, ...
    results : sequence of (path of the query, hits)
        Hits are drawn beside their query, ten per line. Images that can't be read any more are
        marked as such.

    Returns
    -------
    list of Path
        The pages that were written.

    Raises
    ------
    ParameterError
        If ``out`` is of another format, or in no folder.
    HashlensError
        If a file can't be written; it is as it was before.
    """
    check_sheet(out)
    lines = [
        _Line(query, hits[first : first + _COLUMNS], first == 0)
        for query, hits in results
        for first in range(0, max(1, len(hits)), _COLUMNS)
    ]
    columns = max([len(line.hits) for line in lines], default=0)
    pages = [lines[first : first + _LINES] for first in range(0, len(lines), _LINES)]
    if len(pages) == 1:
        names = [out]
    else:
        names = [
            out.with_name(f"{out.stem}-{page}{out.suffix}") for page in range(1, len(pages) + 1)
        ]
    for name, page in zip(names, pages, strict=True):
        with replacing(name, follow_link=True) as partial:
            _draw_page(page, columns).save(partial, _FORMATS[out.suffix.lower()])
    return names


def _draw_page(lines: Sequence[_Line], columns: int) -> Image.Image:
    width = (1 + columns) * (_TILE + _GAP) + 2 * _GAP
    page = Image.new("RGB", (width, len(lines) * (_TILE + _TEXT) + 2 * _GAP), _PAPER)
    for number, line in enumerate(lines):
        top = _GAP + number * (_TILE + _TEXT)
        if line.is_first or number == 0:
            _draw_tile(page, (_GAP, top), line.query, "query", _ACCENT)
        for place, hit in enumerate(line.hits):
            left = 2 * _GAP + (1 + place) * (_TILE + _GAP)
            _draw_tile(page, (left, top), hit.path, f"{hit.distance} bits", _INK)
    return page


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
    name = printable(os.path.basename(path)).encode("ascii", "replace").decode()
    draw.text((left, top + _TILE + 15), name[:24], fill=_FAINT, font=_font(10))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
