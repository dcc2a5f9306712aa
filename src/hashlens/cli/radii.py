"""The tables that `calibrate` prints: radii by precision, and code lengths."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hashlens.cli.console import show
from hashlens.model.calibration_file import ModelCalibration


def radius_row(calibration: ModelCalibration, wanted: float) -> dict[str, Any]:
    """Return the radius for a precision, with its precision and recall and their intervals.

    ``radius`` is None if no radius reaches the precision, ``sure_radius`` if none does even at the
    lower end of its interval.
    """
    pairs = calibration.pairs
    radius = pairs.radius_for(wanted)
    row: dict[str, Any] = {
        "wanted": wanted,
        "radius": radius,
        "sure_radius": pairs.radius_for(wanted, sure=True),
    }
    if radius is not None:
        for name in ("precision", "recall"):
            for end in ("", "_low", "_high"):
                row[name + end] = getattr(pairs, name + end)[radius]
    return row


def print_radii(calibration: ModelCalibration, wanted: tuple[float, ...]) -> None:
    """Print the radius for each wanted precision."""
    pairs = calibration.pairs
    show(f"{calibration.data}: {calibration.images}")
    show(
        f"chance      {100 * pairs.chance:.2f} % of random pairs have the same label; "
        f"confidence level {100 * pairs.confidence:g} %"
    )
    show(f"{'wanted':>8}  {'radius':>6}  {'precision':26}  {'recall':26}  surely reached by")
    for share in wanted:
        row = radius_row(calibration, share)
        if row["radius"] is None:
            show(f"{100 * share:6.4g} %  not reached at any radius")
            continue
        sure = "no radius" if row["sure_radius"] is None else f"radius {row['sure_radius']}"
        show(
            f"{100 * share:6.4g} %  {row['radius']:6}  {_interval(row, 'precision'):26}  "
            f"{_interval(row, 'recall'):26}  {sure}"
        )


def print_lengths(calibration: ModelCalibration) -> None:
    """Print the precision of each code length that was tried, if any was."""
    if not calibration.lengths:
        return
    show(f"{'bits':>8}  {'precision@5':26}  loss against the best length")
    for length in calibration.lengths:
        row = asdict(length)
        show(
            f"{length.bits:8}  {_interval(row, 'precision', ''):26}  "
            f"{_interval(row, 'loss')}{'  enough' if length.enough else ''}"
        )
    enough = [length.bits for length in calibration.lengths if length.enough]
    if enough:
        show(f"{min(enough)} bits are enough: the loss is surely at most 1 point")


def _interval(row: dict[str, Any], name: str, prefix: str | None = None) -> str:
    start = f"{name}_" if prefix is None else prefix
    low, high = row[f"{start}low"], row[f"{start}high"]
    return f"{100 * row[name]:6.2f} % ({100 * low:.2f} to {100 * high:.2f})"
