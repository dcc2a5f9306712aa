"""Hyper-parameters are chosen on a part of the training set, with one budget for every method."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hashlens.arrays import Labels, Rows, Vectors
from hashlens.benchmark.method_presets import MethodPreset
from hashlens.datasets.protocols import Split, selection_split
from hashlens.errors import DataError, HashlensError
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import Hasher, create_hasher, hasher_class


@dataclass(frozen=True, slots=True)
class Budget:
    """How much tuning each method gets: the same for all.

    Attributes
    ----------
    candidates : int
        Number of parameter sets to try, the defaults among them; 1 tunes nothing.
    bits : int
        The code length at which they are tried; the choice holds for every length.
    fit_rows, database_rows, query_rows : int
        Maximum number of training rows to fit, to search and to query with.
    seed : int
    """

    candidates: int = 4
    bits: int = 64
    fit_rows: int = 10_000
    database_rows: int = 10_000
    query_rows: int = 2_000
    seed: int = 0

    def describe(self) -> str:
        """Return how parameters were chosen, in words."""
        if self.candidates == 1:
            return "nothing is tuned: every method has its default parameters"
        return (
            f"up to {self.candidates} candidates per method and protocol, at {self.bits} bits, "
            "scored by precision at 5 on training rows held out from them (at most "
            f"{self.fit_rows:,} rows to fit, {self.database_rows:,} to search, "
            f"{self.query_rows:,} queries)"
        )


def make_hasher(preset: MethodPreset, bits: int, params: dict[str, Any], seed: int) -> Hasher:
    """Return an unfitted hasher; ``seed`` becomes its ``random_state`` where it has one."""
    arguments = {**preset.fixed, **params}
    if not is_deterministic(preset):
        arguments["random_state"] = seed
    return create_hasher(preset.method, bits, **arguments)


def is_deterministic(preset: MethodPreset) -> bool:
    """Return whether a method has no seed, so that one fit per cell suffices."""
    return "random_state" not in hasher_class(preset.method)().get_params()


def choose_parameters(
    preset: MethodPreset,
    train_vectors: Vectors,
    train_labels: Labels,
    split: Split,
    budget: Budget,
) -> dict[str, Any]:
    """Return the best of a preset's candidates, and the score of each.

    The test set is not among the arguments. Of the training set, only rows in ``split.fit`` are
    read: neither a held-out database nor unseen classes have a part in the choice.

    Returns
    -------
    dict
        ``params`` (in addition to the preset's own), ``candidates`` (each with ``params``,
        ``precision_at_5`` and ``seconds``, or an ``error``) and ``budget``.

    Raises
    ------
    DataError
        If no candidate can be fitted.
    """
    options: list[dict[str, Any]] = [{}, *(dict(candidate) for candidate in preset.candidates)][
        : budget.candidates
    ]
    if len(options) == 1:
        return {"params": {}, "candidates": [], "budget": asdict(budget)}
    inner = selection_split(split, train_labels, budget.seed)
    rng = np.random.default_rng(budget.seed)
    fit = _capped(inner.fit, budget.fit_rows, rng)
    # If the protocol searches the images of the fit, so does the choice.
    searches_fit = np.array_equal(inner.database, inner.fit)
    database = _capped(fit if searches_fit else inner.database, budget.database_rows, rng)
    query = _capped(inner.query, budget.query_rows, rng)
    parts = [(train_vectors[rows], train_labels[rows]) for rows in (fit, database, query)]
    tried = [_try(preset, params, parts, budget) for params in options]
    scored = [candidate for candidate in tried if candidate["precision_at_5"] is not None]
    if not scored:
        raise DataError(f"No candidate of {preset.label} can be fitted: {tried[0]['error']}")
    # The first of equals wins: a default gives way only to a better candidate.
    best = max(scored, key=lambda candidate: float(candidate["precision_at_5"]))
    return {"params": best["params"], "candidates": tried, "budget": asdict(budget)}


def _try(
    preset: MethodPreset,
    params: dict[str, Any],
    parts: Sequence[tuple[Vectors, Labels]],
    budget: Budget,
) -> dict[str, Any]:
    """Fit a candidate and score it; if it can't be fitted, return the error instead of a score."""
    (fit, fit_labels), (database, database_labels), (query, query_labels) = parts
    start = time.perf_counter()
    try:
        hasher = make_hasher(preset, budget.bits, params, budget.seed).fit(fit, fit_labels)
    except HashlensError as error:
        return {"params": params, "precision_at_5": None, "error": str(error)}
    result = evaluate_codes(
        hasher.transform(query),
        query_labels,
        hasher.transform(database),
        database_labels,
        budget.bits,
    )
    seconds = round(time.perf_counter() - start, 3)
    return {"params": params, "precision_at_5": result.precision.expected, "seconds": seconds}


def _capped(rows: Rows, cap: int, rng: np.random.Generator) -> Rows:
    """Return ``rows``, or a sorted random sample of ``cap`` of them."""
    if len(rows) <= cap:
        return rows
    return np.sort(rng.choice(rows, cap, replace=False))
