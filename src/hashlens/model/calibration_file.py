"""``calibration.json`` of a model directory: what its distances mean, bound to the model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashlens.errors import FormatError, ParameterError
from hashlens.files.versioned_json import read_versioned, write_json

if TYPE_CHECKING:  # Most models are not calibrated, and these take long to import.
    from hashlens.evaluation.calibration import Calibration
    from hashlens.evaluation.length_choice import LengthFigures

CALIBRATION_FILE = "calibration.json"
FORMAT_VERSION = 1

_SCALARS = ("chance", "queries", "database", "same_images", "confidence", "resamples", "seed")
_MEND = "Remove the file, or make it anew with: hashlens calibrate MODEL DATA"


@dataclass(frozen=True, slots=True)
class ModelCalibration:
    """A calibration, the model that it is of, and the images that it was measured on.

    Attributes
    ----------
    model : str
        The model's digest: the calibration says nothing about any other.
    pairs : Calibration
        Precision and recall by radius.
    data, data_digest, images : str
        The data set, its digest, and a sentence that says which of its images were paired and
        whether the model was trained on them.
    lengths : tuple of LengthFigures
        What other code lengths of the model's method reach; empty where that was not asked.
    """

    model: str
    pairs: Calibration
    data: str
    data_digest: str
    images: str
    lengths: tuple[LengthFigures, ...] = ()

    def radius_for(self, precision: float) -> int:
        """Return the largest radius, in bits, that reached a precision in (0, 1].

        Raises
        ------
        ParameterError
            If no radius reached it; the message says what can be had.
        """
        found = self.pairs.radius_for(precision)
        if found is None:
            best = max((share for share in self.pairs.precision if share is not None), default=0)
            raise ParameterError(
                f"No radius of this model reaches a precision of {precision:g}: the best that was "
                f"measured on {self.data} is {best:.4f}. Ask for less, or train a model on your "
                "labels."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "model": self.model,
            "data": self.data,
            "data_digest": self.data_digest,
            "images": self.images,
            "pairs": self.pairs.to_dict(),
            "lengths": [asdict(length) for length in self.lengths],
        }


def write_calibration(folder: Path, calibration: ModelCalibration) -> None:
    """Write the calibration into a model directory, whole or not at all.

    Raises
    ------
    HashlensError
        If it can't be written; an earlier calibration stays.
    """
    content = {"format_version": FORMAT_VERSION, **calibration.to_dict()}
    content["sha256"] = _checksum(content)
    write_json(folder / CALIBRATION_FILE, content, indent=1)


def read_calibration(folder: Path, model: str) -> ModelCalibration | None:
    """Return the calibration in a model directory; None where there is none of the model.

    Parameters
    ----------
    folder : Path
    model : str
        Digest of the model there.

    Raises
    ------
    FormatError
        If it is damaged or of a newer format version.
    """
    path = folder / CALIBRATION_FILE
    try:
        content = read_versioned(path, FORMAT_VERSION, _MEND)
    except FileNotFoundError:
        return None
    expected = content.pop("sha256", None)
    found = _checksum(content)
    if found != expected:
        raise FormatError(
            f"{path} is damaged: expected the SHA-256 {expected}, got {found}. {_MEND}"
        )
    if content.get("model") != model:
        return None
    del content["format_version"]
    from hashlens.evaluation.calibration import Calibration

    try:
        pairs = Calibration.from_dict(content.pop("pairs"), str(path))
        _check_numbers({name: getattr(pairs, name) for name in _SCALARS})
        lengths = tuple(_length(values) for values in content.pop("lengths"))
        for name in ("data", "data_digest", "images"):
            if not isinstance(content[name], str):
                raise TypeError(f"{name!r} is not text")
        return ModelCalibration(pairs=pairs, lengths=lengths, **content)
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} does not hold the expected fields: {error}. {_MEND}") from error


def _length(values: dict[str, Any]) -> LengthFigures:
    from hashlens.evaluation.length_choice import LengthFigures

    _check_numbers(values)
    return LengthFigures(**values)


def _check_numbers(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if not isinstance(value, int | float):
            raise TypeError(f"{name!r} is not a number")


def _checksum(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
