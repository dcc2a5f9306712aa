"""From the options of a training to its unfitted hasher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hashlens.codes import check_bits
from hashlens.errors import MissingExtraError, ParameterError
from hashlens.hashers import Hasher, create_hasher, hasher_class


def method_parameters(
    method: str,
    *,
    seed: int = 0,
    preset: str | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the constructor parameters that the options of a training stand for.

    Parameters
    ----------
    method : str
        A key of `hashlens.hashers.METHODS`.
    seed : int
        Passed over by methods without randomness.
    preset : str, optional
    epochs, learning_rate : optional
        Fields of the method's schedule.
    parameters : mapping, optional
        Further parameters, by name.

    Raises
    ------
    ParameterError
        If there is no such method, or it does not take an option that is given.
    """
    known = hasher_class(method)().get_params()
    chosen: dict[str, Any] = {"random_state": seed} if "random_state" in known else {}
    chosen |= parameters or {}
    if preset is not None:
        _check_takes(method, "preset", "preset" in known)
        chosen["preset"] = preset
    schedule = {"epochs": epochs, "learning_rate": learning_rate}
    for name, value in schedule.items():
        if value is not None:
            _check_takes(method, name, "schedule" in known)
            chosen["schedule"] = {**chosen.get("schedule", {}), name: value}
    return chosen


def choose_hasher(method: str, bits: int, tuned: bool, parameters: Mapping[str, Any]) -> Hasher:
    """Return the unfitted hasher of a training.

    Parameters
    ----------
    method : str
    bits : int
    tuned : bool
        Whether the network below the hasher is fine-tuned.
    parameters : mapping
        As `method_parameters` returns them.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or no network can be tuned under the method.
    MissingExtraError
        If PyTorch is needed and not installed.
    """
    check_bits(bits, "train")
    if not tuned:
        return create_hasher(method, bits, **parameters)
    try:
        from hashlens.training.finetune.tunable import create_tunable
    except ImportError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("Fine-tuning a network", "torch", "train") from None
    return create_tunable(method, bits, **parameters)


def _check_takes(method: str, option: str, taken: bool) -> None:
    if not taken:
        raise ParameterError(
            f"The method {method!r} takes no {option!r}. Leave it out, or choose another method."
        )
