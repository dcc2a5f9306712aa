"""Choice of hyper-parameters on a part of the training set, with one budget for every method."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Labels, Vectors
from hashlens.benchmark.methods import MethodPreset
from hashlens.datasets.protocols import Split, selection_split
from hashlens.errors import DataError, HashlensError
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import Hasher, create_hasher, hasher_class


@dataclass(frozen=True, slots=True)
class Budget:
    """How much tuning each method gets; the same for all.

    Attributes
    ----------
    candidates : int
        Parameter sets tried, the defaults among them. 1 tunes nothing.
    bits : int
        The length at which they are tried, if it is measured; the choice holds for every length.
    fit_rows, database_rows, query_rows : int
        Caps on the rows of the training set that each role gets.
    seed : int
    """

    candidates: int = 4
    bits: int = 64
    fit_rows: int = 10_000
    database_rows: int = 10_000
    query_rows: int = 2_000
    seed: int = 0

    def describe(self) -> str:
        """Return a sentence for the page that carries the table."""
        return (
            f"up to {self.candidates} candidates a method and protocol, at {self.bits} bits, "
            f"scored by top-5 precision on parts of the training rows that were kept from them "
            f"(at most {self.fit_rows} rows to fit, {self.database_rows} to search, "
            f"{self.query_rows} queries)"
        )


def make_hasher(preset: MethodPreset, bits: int, params: dict[str, Any], seed: int) -> Hasher:
    """Return an unfitted hasher; ``seed`` becomes its ``random_state`` where it has one."""
    arguments = {**preset.fixed, **params}
    if not is_deterministic(preset):
        arguments["random_state"] = seed
    return create_hasher(preset.method, bits, **arguments)


def is_deterministic(preset: MethodPreset) -> bool:
    """Return whether a method has no seed, so that one fit of a cell says all."""
    return "random_state" not in hasher_class(preset.method)().get_params()


def choose_parameters(
    preset: MethodPreset,
    train_vectors: Vectors,
    train_labels: Labels,
    split: Split,
    budget: Budget,
) -> dict[str, Any]:
    """Return the best of a preset's candidates and how each did.

    The function is never given the test set. Of the training set it reads only rows in
    ``split.fit``: a held-out database and unseen classes have no part in the choice.

    Returns
    -------
    dict
        ``params`` (what to add to the preset's own), ``candidates`` (each with ``params``,
        ``precision_at_5`` and ``seconds``, or an ``error``) and ``budget``.

    Raises
    ------
    DataError
        If no candidate can be fitted to so few rows.
    """
    options: list[dict[str, Any]] = [{}, *(dict(candidate) for candidate in preset.candidates)][
        : budget.candidates
    ]
    if len(options) == 1:
        return {"params": {}, "candidates": [], "budget": asdict(budget)}
    inner = selection_split(split, train_labels, budget.seed)
    rng = np.random.default_rng(budget.seed)
    fit = _capped(inner.fit, budget.fit_rows, rng)
    # Where the protocol searches what was trained on, so does the choice.
    searches_fit = np.array_equal(inner.database, inner.fit)
    database = _capped(fit if searches_fit else inner.database, budget.database_rows, rng)
    query = _capped(inner.query, budget.query_rows, rng)
    parts = [(train_vectors[rows], train_labels[rows]) for rows in (fit, database, query)]
    tried = [_try(preset, params, parts, budget) for params in options]
    scored = [candidate for candidate in tried if candidate["precision_at_5"] is not None]
    if not scored:
        raise DataError(f"No candidate of {preset.label} can be fitted: {tried[0]['error']}")
    # The first of equals wins: a default gives way only to what is better.
    best = max(scored, key=lambda candidate: float(candidate["precision_at_5"]))
    return {"params": best["params"], "candidates": tried, "budget": asdict(budget)}


def _try(
    preset: MethodPreset,
    params: dict[str, Any],
    parts: Sequence[tuple[Vectors, Labels]],
    budget: Budget,
) -> dict[str, Any]:
    """Fit one candidate and score it; one that can't be fitted has an error in place of a score."""
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


def _capped(
    rows: npt.NDArray[np.int64], cap: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return ``rows``, or ``cap`` of them drawn at random, sorted."""
    if len(rows) <= cap:
        return rows
    return np.sort(rng.choice(rows, cap, replace=False))
