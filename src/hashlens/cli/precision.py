"""The radius that `--radius` or `--precision` asks for."""

from __future__ import annotations

from hashlens.cli.console import note
from hashlens.collection import Collection
from hashlens.errors import ParameterError


def chosen_radius(target: Collection, radius: int | None, precision: float | None) -> int | None:
    """Return the radius that ``--radius`` or ``--precision`` asks for; None where neither does.

    Raises
    ------
    ParameterError
        If both are given, the collection's model is not calibrated, or no radius of it reaches the
        precision; the message says what can be reached.
    """
    if precision is None:
        return radius
    if radius is not None:
        raise ParameterError("Choose one of --radius and --precision.")
    calibration = target.model.calibration
    if calibration is None:
        raise ParameterError(
            "--precision needs a calibrated model, and the model of the collection "
            f"{target.folder} is not calibrated. Calibrate it on labeled images with: "
            f"hashlens calibrate {target.folder} DATA"
        )
    found = calibration.pairs.radius_for(precision)
    if found is None:
        best = max((share for share in calibration.pairs.precision if share is not None), default=0)
        raise ParameterError(
            f"No radius of this model reaches a precision of {precision:g}: the best that was "
            f"measured on {calibration.data} is {best:.4f}. Ask for less, or train a model on your "
            "labels."
        )
    note(f"radius {found} bits for a precision of {precision:g}, as measured on {calibration.data}")
    return found
