"""Write the report of a training into its model directory."""

from __future__ import annotations

import json
from pathlib import Path

from hashlens.datasets.described import DescribedDataset
from hashlens.files.atomic import replacing
from hashlens.model.card import REPORT_DATA, REPORT_PAGE
from hashlens.model.model import Model
from hashlens.model.protocol_search import Search
from hashlens.report.document import report_document
from hashlens.report.page import render
from hashlens.report.thumbnails import thumbnails


def write_report(
    model: Model,
    data: DescribedDataset,
    search: Search,
    folder: Path,
    command: str | None = None,
) -> Path:
    """Write ``report.json`` and ``report.html`` into a model directory; return the page's path.

    The page holds small pictures of the data. Images that can't be read any more are shown by name.

    Parameters
    ----------
    model : Model
        Trained, and saved in ``folder``.
    data : DescribedDataset
        The data it was trained on, described by its descriptor.
    search : Search
        The search of the protocol it was trained under.
    folder : Path
        The model directory.
    command : str, optional
        The command that trained it.

    Raises
    ------
    MissingExtraError
        If Jinja is not installed; ``report.json`` is written.
    HashlensError
        If the data is too small to be searched, or a file can't be written. Files are written
        whole or not at all, and the model is not touched.
    """
    document = report_document(model, data, search, folder, command)
    with replacing(folder / REPORT_DATA) as partial:
        partial.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")
    page = render(document, thumbnails(document["examples"], data.dataset))
    with replacing(folder / REPORT_PAGE) as partial:
        # File names may hold bytes that are not UTF-8; a page can't.
        partial.write_text(page, encoding="utf-8", errors="replace")
    return folder / REPORT_PAGE
