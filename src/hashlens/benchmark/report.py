"""The result document (JSON), its page (Markdown) and its plots, written to one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hashlens.benchmark import markdown
from hashlens.benchmark.context import METRIC, TIES, commit, machine
from hashlens.benchmark.features import Features
from hashlens.benchmark.files import write_json
from hashlens.benchmark.runner import Results
from hashlens.benchmark.settings import Settings
from hashlens.benchmark.summary import cells


def document(
    results: Results, features: Features, settings: Settings, command: str
) -> dict[str, Any]:
    """Return ``{"rows": [...], "context": {...}}``, plain enough for JSON.

    Rows leave out their curves over radii, which stay in the files of the single cells.
    """
    rows = [
        {name: value for name, value in row.items() if name != "curves"} for row in results.rows
    ]
    return {
        "rows": [_rounded(row) for row in rows],
        "context": {
            "dataset": features.name,
            "descriptor": dict(features.descriptor),
            "data": (
                f"{len(features.train_labels):,} training and {len(features.test_labels):,} test "
                f"images, descriptors of {features.train_vectors.shape[1]} dimensions "
                f"(digest {features.digest[:16]})"
            ),
            "splits": results.splits,
            "split_seed": settings.split_seed,
            "metric": METRIC,
            "ties": TIES,
            "seeds": (
                f"mean ± standard deviation over {settings.seeds} seeds of the method on "
                f"standard; on the other protocols where a fit takes less than "
                f"{settings.repeat_below_seconds:g} s, else one seed"
            ),
            "selection": settings.tuning.describe(),
            "selections": [_rounded(choice) for choice in results.selections],
            "baselines": [_rounded(baseline) for baseline in results.baselines],
            "failures": results.failures,
            "command": command,
            "commit": commit(),
            "machine": machine(),
        },
    }


def write_report(
    results: Results,
    features: Features,
    settings: Settings,
    out: Path,
    command: str,
    plots: bool = True,
) -> list[Path]:
    """Write JSON, Markdown and plots to ``out``; return the files written.

    Raises
    ------
    MissingExtraError
        If ``plots`` is set and matplotlib is not installed. JSON and Markdown are then written.
    """
    found = document(results, features, settings, command)
    written = [out / f"{features.name}.json", out / f"{features.name}.md"]
    write_json(written[0], found)
    written[1].write_text(markdown.render(found), encoding="utf-8")
    if plots and results.rows:
        from hashlens.benchmark.plots import save_plots

        written += save_plots(cells(results.rows), results.baselines, out, features.name)
    return written


def _rounded(value: Any) -> Any:
    """Return floats with six decimals: beyond them is noise that would fill the file."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return round(value, 6) if isinstance(value, float) else value
