"""The specification of a descriptor, which decides whether two vectors may be compared."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from hashlens.errors import FormatError, ParameterError
from hashlens.images import Fit

Normalization = Literal["none", "l2", "sigmoid"]
FitKind = Literal["squash", "crop"]
Interpolation = Literal["bilinear", "bicubic", "lanczos"]

_ABOUT = ("name", "license", "source")
_FORMER_NAMES = {"normalisation": "normalization", "licence": "license"}
"""Fields of model directories of format version 1, and their names since."""


@dataclass(frozen=True, slots=True)
class DescriptorSpec:
    """A descriptor's network, its preprocessing, and where it comes from.

    Attributes
    ----------
    name : str
        A name for people, such as ``efficientnet-lite0.in1k``.
    weights_sha256 : str
        SHA-256 of the weights' file, in hexadecimal.
    input_size : int
        Side of the square input, in pixels.
    fit : {"squash", "crop"}
        How an image becomes square: both sides are scaled independently, so that nothing is lost;
        or the shorter side is scaled to ``input_size / crop_fraction`` and the center is cropped.
    crop_fraction : float
        In (0, 1]; 1 if ``fit`` is "squash".
    interpolation : {"bilinear", "bicubic", "lanczos"}
    mean, std : three floats
        Pixels are standardized to (value − mean) / std per RGB channel, on the scale 0–255.
    dimension : int
        Length of the vector.
    normalization : {"none", "l2", "sigmoid"}
        How the network's output is normalized: not at all, to unit length, or by the logistic
        function (the paper's descriptors in [0, 1]).
    license, source : str
        License and origin of the weights.
    """

    name: str
    weights_sha256: str
    input_size: int
    fit: FitKind
    crop_fraction: float
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dimension: int
    normalization: Normalization
    license: str
    source: str

    def __post_init__(self) -> None:
        if self.normalization not in ("none", "l2", "sigmoid"):
            raise ParameterError(
                "The 'normalization' of a descriptor must be 'none', 'l2' or 'sigmoid'. "
                f"Got {self.normalization!r} instead."
            )

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides the vectors: those of equal digests are comparable."""
        decisive = {key: value for key, value in asdict(self).items() if key not in _ABOUT}
        # Under its former name, so that models and collections of any version keep their digests.
        decisive["normalisation"] = decisive.pop("normalization")
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def image_fit(self) -> Fit:
        """How images are resized for this descriptor."""
        return Fit(self.input_size, self.fit, self.interpolation, self.crop_fraction)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any, where: Path | str = "a model") -> DescriptorSpec:
        """Return a spec from the fields that `to_dict` returned.

        Raises
        ------
        FormatError
            If a field is missing, unknown or invalid; the message contains ``where``.
        """
        if not isinstance(values, dict):
            raise FormatError(f"The descriptor spec in {where} must be a JSON object.")
        values = {_FORMER_NAMES.get(name, name): value for name, value in values.items()}
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            missing, unknown = names - set(values), set(values) - names
            raise FormatError(
                f"The descriptor spec in {where} does not have the expected fields. "
                f"Missing: {', '.join(sorted(missing)) or 'none'}; "
                f"unknown: {', '.join(sorted(unknown)) or 'none'}."
            )
        for name, (fits, expected) in _FIELDS.items():
            if not fits(values[name]):
                raise FormatError(
                    f"The {name!r} of the descriptor spec in {where} must be {expected}. "
                    f"Got {values[name]!r} instead."
                )
        return cls(**(values | {"mean": tuple(values["mean"]), "std": tuple(values["std"])}))


MAX_INPUT_SIZE = 4096
"""Side of the largest input, in pixels: no file makes hashlens allocate more per image."""

MAX_DIMENSION = 1 << 20
"""Length of the longest vector."""


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _up_to(most: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and 0 < value <= most


def _one_of(choices: Any) -> Callable[[object], bool]:
    names = get_args(choices)
    return lambda value: isinstance(value, str) and value in names


def _is_number(value: object) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    except OverflowError:  # an int that no float holds
        return False


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 < value <= 1


def _are_three(values: object) -> bool:
    return isinstance(values, list | tuple) and len(values) == 3 and all(map(_is_number, values))


def _are_deviations(values: Any) -> bool:
    return _are_three(values) and min(values) > 0


_FIELDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (_is_text, "text"),
    "weights_sha256": (_is_text, "text"),
    "input_size": (_up_to(MAX_INPUT_SIZE), f"a whole number from 1 to {MAX_INPUT_SIZE}"),
    "fit": (_one_of(FitKind), "'squash' or 'crop'"),
    "crop_fraction": (_is_share, "a number above 0 and at most 1"),
    "interpolation": (_one_of(Interpolation), "'bilinear', 'bicubic' or 'lanczos'"),
    "mean": (_are_three, "three numbers, one for each of red, green and blue"),
    "std": (_are_deviations, "three numbers above 0, one for each of red, green and blue"),
    "dimension": (_up_to(MAX_DIMENSION), f"a whole number from 1 to {MAX_DIMENSION}"),
    "normalization": (_one_of(Normalization), "'none', 'l2' or 'sigmoid'"),
    "license": (_is_text, "text"),
    "source": (_is_text, "text"),
}
"""Field → whether a value fits, and what is expected."""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
