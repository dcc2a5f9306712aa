"""How a model was trained: on what, under which protocol, for how long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from hashlens.errors import DataError, FormatError


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What is known about the training of a model; None where it was not recorded.

    Attributes
    ----------
    method : str
        Name of the hashing method.
    data : str
        The data set, as it was named.
    data_digest : str or None
        SHA-256 of the contents and labels of its training part.
    classes, images : int or None
        How many classes and images were trained on.
    protocol : {"standard", "heldout", "unseen"} or None
        Under which the model may be evaluated on this data.
    split_seed : int
        Seed of the protocol's split.
    seconds : float or None
        Duration of the training.
    epochs : tuple of dict
        Losses and validation precision of each epoch; empty for methods without epochs.
    details : dict
        Further facts by name, as the number of tuned blocks; values fit into JSON.
    """

    method: str
    data: str
    data_digest: str | None = None
    classes: int | None = None
    images: int | None = None
    protocol: str | None = None
    split_seed: int = 0
    seconds: float | None = None
    epochs: tuple[Mapping[str, Any], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def check_unseen(self, data_digest: str, protocol: str, split_seed: int) -> None:
        """Refuse an evaluation that would call images unseen that the model was trained on.

        Raises
        ------
        DataError
            If the model was trained on the data of this digest under another split.
        """
        if protocol == "standard" or self.data_digest != data_digest:
            return
        if (self.protocol, self.split_seed) != (protocol, split_seed):
            raise DataError(
                f"The model was trained on this data under the protocol {self.protocol!r}, split "
                f"seed {self.split_seed}. Evaluating it under {protocol!r}, seed {split_seed}, "
                "would call images unseen that it has seen. Train one with "
                f"protocol={protocol!r} and split_seed={split_seed}."
            )

    def protocol_on(self, data: str, data_digest: str) -> str | None:
        """Return the protocol under which the model was trained on this data; None for other data.

        Raises
        ------
        DataError
            If it was trained on data at the same place that has changed since: which of the images
            it has seen is not known.
        """
        if self.data_digest == data_digest:
            return self.protocol or "standard"
        if self.data == data:
            raise DataError(
                f"The model was trained on {data}, whose images have changed since, so it is not "
                "known which of them it has seen. Calibrate on labeled images that it was not "
                "trained on, in a folder of their own, or train it again."
            )
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return what is known, for JSON; details stand beside the fields."""
        known = {name: getattr(self, name) for name in _FIELDS}
        known["epochs"] = [dict(epoch) for epoch in self.epochs]
        return {name: value for name, value in known.items() if value not in (None, [])} | {
            name: value for name, value in self.details.items() if name not in known
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self | None:
        """Return the record that `to_dict` gave; None where nothing was recorded.

        Raises
        ------
        FormatError
            If a field has a value of another kind.
        """
        if not values:
            return None
        known = {name: value for name, value in values.items() if name in _FIELDS}
        known = {"method": "unknown", "data": "not recorded"} | known
        epochs = known.pop("epochs", None) or []
        if not isinstance(epochs, list) or not all(isinstance(epoch, dict) for epoch in epochs):
            raise FormatError("The 'epochs' of a training must be JSON objects.")
        for name, value in known.items():
            if type(value) not in _KINDS[name]:
                raise FormatError(f"The {name!r} of a training can't be {value!r}.")
        known["epochs"] = tuple(epochs)
        details = {name: value for name, value in values.items() if name not in _FIELDS}
        return cls(**known, details=details)


_KINDS: dict[str, tuple[type, ...]] = {
    "method": (str,),
    "data": (str,),
    "data_digest": (str, type(None)),
    "classes": (int, type(None)),
    "images": (int, type(None)),
    "protocol": (str, type(None)),
    "split_seed": (int,),
    "seconds": (int, float, type(None)),
}
_FIELDS = tuple(f.name for f in fields(TrainingRecord) if f.name != "details")
