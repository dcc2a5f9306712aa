"""The result document (JSON), its page (Markdown) and its plots, written to one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hashlens.benchmark import markdown
from hashlens.benchmark.context import METRIC, TIES, TRIALS, machine
from hashlens.benchmark.features import Features
from hashlens.benchmark.files import write_json
from hashlens.benchmark.runner import Results
from hashlens.benchmark.settings import Settings
from hashlens.benchmark.summary import cells


def document(
    results: Results, features: Features, settings: Settings, command: str
) -> dict[str, Any]:
    """Return ``{"rows": [...], "context": {...}}``, plain enough for JSON.

    Rows leave out their curves over radii, see `curves`.
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
                f"{settings.repeat_below_seconds:g} s, else one seed. {_once(results.rows)}"
            ),
            "selection": f"{settings.tuning.describe()}. {TRIALS}",
            "selections": [_rounded(choice) for choice in results.selections],
            "baselines": [_rounded(baseline) for baseline in results.baselines],
            "failures": results.failures,
            "command": command,
            "commit": ", ".join(sorted({str(row["commit"]) for row in results.rows})),
            "minutes": round(results.seconds / 60, 1),
            "fit_peak_gib": max((row["fit_peak_gib"] or 0 for row in results.rows), default=0),
            "machine": machine(),
        },
    }


def curves(results: Results) -> list[dict[str, Any]]:
    """Return the curves over radii of the first seed's rows, which plots are drawn from."""
    identity = ("method", "preset", "bits", "protocol", "seed")
    return [
        {**{name: row[name] for name in identity}, "curves": _rounded(row["curves"])}
        for row in results.rows
        if row["seed"] == 0 and "curves" in row
    ]


def _once(rows: Sequence[dict[str, Any]]) -> str:
    """Return a sentence that names what has a single fit whatever the seeds."""
    found = [cell for cell in cells(rows) if cell.protocol == "standard" and len(cell.rows) == 1]
    fixed = dict.fromkeys(cell.label for cell in found if cell.deterministic)
    slow = dict.fromkeys(cell.label for cell in found if not cell.deterministic)
    parts = []
    if fixed:
        parts.append(f"Fitted once, as they have no seed: {', '.join(fixed)}.")
    if slow:
        parts.append(f"One seed everywhere: {', '.join(slow)}.")
    return " ".join(parts)


def write_report(
    results: Results,
    features: Features,
    settings: Settings,
    out: Path,
    command: str,
    plots: bool = True,
) -> list[Path]:
    """Write JSON, Markdown, curves and plots to ``out``; return the files written.

    Raises
    ------
    MissingExtraError
        If ``plots`` is set and matplotlib is not installed. The other files are then written.
    """
    found = document(results, features, settings, command)
    written = [out / f"{features.name}{end}" for end in (".json", ".md", "-curves.json")]
    write_json(written[0], found)
    written[1].write_text(markdown.render(found), encoding="utf-8")
    write_json(written[2], curves(results), indent=None)
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
