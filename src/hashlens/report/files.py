"""The report's two files in a model directory."""

from __future__ import annotations

import json
from pathlib import Path

from hashlens.datasets.described import DescribedDataset
from hashlens.files.atomic import replacing
from hashlens.model.card import REPORT_DATA, REPORT_PAGE, write_model_card
from hashlens.model.evaluate import Search
from hashlens.model.model import Model
from hashlens.report.document import report_document
from hashlens.report.examples import Place, thumbnails
from hashlens.report.page import render


def write_report(
    model: Model,
    data: DescribedDataset,
    search: Search,
    folder: Path,
    command: str | None = None,
) -> Path:
    """Write ``report.json`` and ``report.html`` into a model directory; return the page's path.

    The page holds small pictures of the data. Images that can't be read any more are named instead.

    Parameters
    ----------
    model : Model
        Trained, and saved in ``folder``.
    data : DescribedDataset
        What it was trained on, described by its descriptor.
    search : Search
        Of the protocol that it was trained by.
    folder : Path
    command : str, optional
        What it was made by.

    Raises
    ------
    HashlensError
        If the data is too small to be searched, or a file can't be written. Whatever was written
        is whole, and the model is untouched.
    """
    document = report_document(model, data, search, folder, command)
    with replacing(folder / REPORT_DATA) as partial:
        partial.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", "utf-8")
    shown: list[Place] = [
        (image["part"], image["index"])
        for rows in document["examples"].values()
        for row in rows
        for image in (row["query"], *row["answers"])
    ]
    page = render(document, thumbnails(shown, data.dataset))
    with replacing(folder / REPORT_PAGE) as partial:
        # File names may hold bytes that are no UTF-8; a page can't.
        partial.write_text(page, encoding="utf-8", errors="replace")
    write_model_card(model, folder)
    return folder / REPORT_PAGE
