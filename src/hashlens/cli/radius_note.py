"""The radius that `--precision` chose, said to the user."""

from __future__ import annotations

from hashlens.cli.console import note
from hashlens.collection import Collection


def note_radius(target: Collection, precision: float | None) -> None:
    """Say on stderr which radius a precision stands for; nothing if none was asked for."""
    calibration = target.model.calibration
    if precision is None or calibration is None:
        return
    radius = calibration.radius_for(precision)
    note(
        f"radius {radius} bits for a precision of {precision:g}, as measured on {calibration.data}"
    )
