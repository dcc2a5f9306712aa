"""The files of a benchmark: results as JSON, the page of tables, and figures.

Page and figures depend on the JSON files alone, so they can be made again without measuring.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hashlens.benchmark import markdown
from hashlens.benchmark.summary import cells
from hashlens.files.versioned_json import write_json


def write_report(
    document: dict[str, Any], curves: list[dict[str, Any]], out: Path, *, plots: bool = True
) -> list[Path]:
    """Write JSON, Markdown, curves and plots to a folder; return the files written.

    Parameters
    ----------
    document : dict
        See `hashlens.benchmark.result_document.document`.
    curves : list of dict
        See `hashlens.benchmark.result_document.curves`.
    out : Path
        The folder, which is created if need be.
    plots : bool
        Whether to draw figures.

    Raises
    ------
    MissingExtraError
        If ``plots`` is set and matplotlib is not installed. The other files are written by then.
    """
    out.mkdir(parents=True, exist_ok=True)
    name = document["context"]["dataset"]
    written = [out / f"{name}{end}" for end in (".json", ".md", "-curves.json")]
    write_json(written[0], document, indent=1)
    written[1].write_text(markdown.render(document), encoding="utf-8")
    write_json(written[2], curves)
    if plots and document["rows"]:
        from hashlens.benchmark.plots import save_plots

        found = cells(_with_curves(document["rows"], curves))
        written += save_plots(found, document["context"]["baselines"], out, name)
    return written


def _with_curves(rows: list[dict[str, Any]], curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows, each with its curves if it has any."""
    identity = ("method", "preset", "bits", "protocol", "seed")
    found = {tuple(one[name] for name in identity): one["curves"] for one in curves}
    return [{**row, "curves": found.get(tuple(row[name] for name in identity))} for row in rows]
