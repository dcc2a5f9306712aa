"""The result document of a benchmark: every row, and the context that a table of them needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hashlens.benchmark.context import METRIC, TIES, TRIALS, machine
from hashlens.benchmark.features import Features
from hashlens.benchmark.runner import Results
from hashlens.benchmark.settings import Settings
from hashlens.benchmark.summary import cells


def document(
    results: Results, features: Features, settings: Settings, command: str
) -> dict[str, Any]:
    """Return ``{"rows": [...], "context": {...}}`` for JSON, without curves: see `curves`."""
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
            "seeds": _seeds(results.rows, settings),
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
    """Return the curves over radii of the first seed's rows, from which plots are drawn."""
    identity = ("method", "preset", "bits", "protocol", "seed")
    return [
        {**{name: row[name] for name in identity}, "curves": _rounded(row["curves"])}
        for row in results.rows
        if row["seed"] == 0 and "curves" in row
    ]


def _seeds(rows: Sequence[dict[str, Any]], settings: Settings) -> str:
    """Return how many seeds each method has, and which methods have only one."""
    if settings.seeds == 1:
        return "one seed per method"
    most = (
        f"mean ± standard deviation over {settings.seeds} seeds on standard, and on the other "
        f"protocols if a fit takes less than {settings.repeat_below_seconds:g} s, otherwise one "
        "seed."
    )
    found = [cell for cell in cells(rows) if cell.protocol == "standard" and len(cell.rows) == 1]
    fixed = dict.fromkeys(cell.label for cell in found if cell.deterministic)
    slow = dict.fromkeys(cell.label for cell in found if not cell.deterministic)
    parts = [most]
    if fixed:
        parts.append(f"Fitted once because they have no seed: {', '.join(fixed)}.")
    if slow:
        parts.append(f"One seed on every protocol: {', '.join(slow)}.")
    return " ".join(parts)


def _rounded(value: Any) -> Any:
    """Return a value with its floats rounded to six decimals; the rest is noise."""
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(inner) for inner in value]
    return round(value, 6) if isinstance(value, float) else value
