"""Checks of constructor parameters, done at ``fit`` as scikit-learn's contract asks."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

import numpy as np

from hashlens.errors import DataError, ParameterError


def check_int(value: Any, name: str, caller: str, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int of [low, high].

    Raises
    ------
    ParameterError
        If it is no integer (booleans are none) or outside of the range.
    """
    expected = f"an int of at least {low}" if high is None else f"an int from {low} to {high}"
    is_int = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not is_int or value < low or (high is not None and value > high):
        raise ParameterError(
            f"The {name!r} parameter of {caller} must be {expected}. Got {value!r} instead."
        )
    return int(value)


def check_real(
    value: Any, name: str, caller: str, low: float, high: float = math.inf, *, above: bool = False
) -> float:
    """Return ``value`` as a finite float of [low, high], or of (low, high] where ``above``.

    Raises
    ------
    ParameterError
        If it is no finite number (booleans are none) or outside of the range.
    """
    is_real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    if (
        not is_real
        or not math.isfinite(value)
        or not low <= value <= high
        or above * (value == low)
    ):
        relation = "above" if above else "of at least"
        upper = "" if math.isinf(high) else f" and at most {high:g}"
        raise ParameterError(
            f"The {name!r} parameter of {caller} must be a finite number {relation} "
            f"{low:g}{upper}. Got {value!r} instead."
        )
    return float(value)


def check_choice(value: Any, name: str, caller: str, choices: Collection[Any]) -> Any:
    """Return ``value`` if it is one of ``choices``.

    Raises
    ------
    ParameterError
        If it is not; the message lists the choices.
    """
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ParameterError(
            f"The {name!r} parameter of {caller} must be one of {listed}. Got {value!r} instead."
        )
    return value


def check_random_state(value: Any, caller: str) -> np.random.Generator:
    """Return the generator of a ``random_state``: an int of at least 0, or None for any seed.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if value is not None:
        check_int(value, "random_state", caller, 0)
    return np.random.default_rng(value)


def check_at_most_dimensions(bits: int, dimensions: int, caller: str) -> None:
    """Say why a method that spends an orthogonal direction on every bit can't give more of them.

    Raises
    ------
    DataError
        If ``bits`` exceeds ``dimensions``.
    """
    if bits > dimensions:
        raise DataError(
            f"{caller} needs a direction of its own for every bit: {bits} bits need vectors of at "
            f"least {bits} dimensions. Got {dimensions}. Ask for fewer bits, or use a method "
            "without this limit, such as 'lsh' or 'sh'."
        )


def check_enough_samples(samples: int, needed: int, caller: str, why: str) -> None:
    """Say how many training vectors are missing.

    Raises
    ------
    DataError
        If ``samples`` is under ``needed``; ``why`` completes the sentence "… needs n vectors".
    """
    if samples < needed:
        raise DataError(
            f"{caller} needs at least {needed} training vectors {why}. Got {samples}. "
            "Add training data, or ask for fewer bits."
        )
