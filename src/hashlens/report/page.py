"""The report as a page: one HTML file that needs no network, no scripts and no other file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashlens.errors import MissingExtraError
from hashlens.report import charts, formatting
from hashlens.report.thumbnails import Place

_TEMPLATES = Path(__file__).with_name("templates")
_FILTERS = (
    formatting.percent,
    formatting.whole,
    formatting.decimal,
    formatting.duration,
    formatting.file_size,
    formatting.setting,
    formatting.file_name,
)


def render(document: dict[str, Any], pictures: Mapping[Place, str]) -> str:
    """Return the page of a report.

    Parameters
    ----------
    document : dict
        As `report_document` returns it.
    pictures : mapping of (part, index) to str
        Data URIs of the images that examples show. An image without one is shown by its name.

    Raises
    ------
    MissingExtraError
        If Jinja is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError:
        raise MissingExtraError("The page of a training report", "jinja2", "train") from None
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {one.__name__: one for one in _FILTERS}
    page: str = environment.get_template("report.html.j2").render(
        document, charts=charts, pictures=pictures
    )
    return page
