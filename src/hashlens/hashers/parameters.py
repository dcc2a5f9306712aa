"""Checks made at the start of ``fit``: as scikit-learn requires, ``__init__`` makes none."""

from __future__ import annotations

import math
from collections.abc import Collection
from importlib.util import find_spec
from typing import Any

import numpy as np

from hashlens.errors import DataError, MissingExtraError, ParameterError


def check_int(value: Any, name: str, caller: str, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int in [low, high].

    Raises
    ------
    ParameterError
        If it is not an integer (a bool is not) or is out of range.
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
    """Return ``value`` as a finite float in [low, high], or in (low, high] if ``above``.

    Raises
    ------
    ParameterError
        If it is not a finite number (a bool is not) or is out of range.
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
    """Return a generator seeded with ``value``: an int of at least 0, or None for a fresh seed.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    if value is not None:
        check_int(value, "random_state", caller, 0)
    return np.random.default_rng(value)


def check_at_most_dimensions(bits: int, dimensions: int, caller: str) -> None:
    """Raise if a method that needs one orthogonal direction per bit is asked for too many bits.

    Raises
    ------
    DataError
        If ``bits`` exceeds ``dimensions``.
    """
    if bits > dimensions:
        raise DataError(
            f"{caller} needs one direction per bit: {bits} bits need vectors of at least {bits} "
            f"dimensions. Got n_features={dimensions}. Ask for fewer bits, or use a method without "
            "this limit, such as 'lsh' or 'sh'."
        )


def check_enough_samples(samples: int, needed: int, caller: str, why: str) -> None:
    """Raise if there are too few training vectors.

    Raises
    ------
    DataError
        If ``samples`` is below ``needed``; ``why`` completes "needs at least n training vectors".
    """
    if samples < needed:
        raise DataError(
            f"{caller} needs at least {needed} training vectors {why}. Got {samples}. "
            "Add training data, or ask for fewer bits."
        )


def check_torch(caller: str) -> None:
    """Raise if PyTorch, which trains the deep methods, is not installed.

    Raises
    ------
    MissingExtraError
    """
    if find_spec("torch") is None:
        raise MissingExtraError(f"Fitting {caller}", "torch", "train")
