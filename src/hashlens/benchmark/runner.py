"""The resumable run: what is already measured is read, the rest is measured and kept."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import Timeout

from hashlens.benchmark import baselines
from hashlens.benchmark.features import Features
from hashlens.benchmark.measure import Unit, measure
from hashlens.benchmark.method_presets import MethodPreset
from hashlens.benchmark.result_cache import ResultCache, Rows
from hashlens.benchmark.selection import choose_parameters, is_deterministic, make_hasher
from hashlens.benchmark.settings import Settings
from hashlens.datasets.protocols import Split, make_split
from hashlens.progress import OnProgress

CELLS = "cells"
"""The folder, within the folder of results, that holds a file for every measured cell."""


@dataclass
class Results:
    """What a run measured, and what it could not measure.

    Attributes
    ----------
    rows, baselines, selections : list of dict
    splits : dict
        A sentence about each protocol.
    failures : list of dict
        ``step``, ``error`` and ``where`` of everything that failed.
    seconds : float
        The time that all of it took to measure, in this run or in earlier ones.
    """

    rows: Rows = field(default_factory=list)
    baselines: Rows = field(default_factory=list)
    selections: Rows = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0


class _StepError(Exception):
    """A step failed, and is written down as a failure."""


class Runner:
    """One pass over the plan. Seeds come last, so that an early kill leaves a whole table.

    Runs that share a folder leave to each other what they are measuring, and wait for it at the
    end.

    Parameters
    ----------
    features : Features
    settings : Settings
    out : Path
    presets : sequence of MethodPreset
    on_progress : callable
        Called before each step.

    Attributes
    ----------
    rows : dict
        The rows of every unit that is done, by its name.
    """

    def __init__(
        self,
        features: Features,
        settings: Settings,
        out: Path,
        presets: Sequence[MethodPreset],
        on_progress: OnProgress,
    ) -> None:
        self.features = features
        self.settings = settings
        self.cache = ResultCache(out / CELLS, features, settings.split_seed)
        self.presets = presets
        self.on_progress = on_progress
        self.splits: dict[str, Split] = {}
        self.chosen: dict[tuple[str, str], dict[str, Any] | None] = {}
        self.rows: dict[str, Rows] = {}
        self.may_wait = False
        self.results = Results()

    def run(self) -> Results:
        """Measure whatever is missing and return all results."""
        units = list(self._plan())
        for protocol in self.settings.protocols:
            self._split(protocol)
        steps: list[tuple[str, Callable[[], None]]] = [
            (f"{protocol}: baselines", partial(self._baselines, protocol))
            for protocol in self.settings.protocols
        ]
        steps += [(str(unit), partial(self._unit, unit)) for unit in units]
        left = self._go_through(steps, len(units))
        self.may_wait = True
        self._go_through(left, len(units))
        self.on_progress("done", len(units), len(units))
        self.results.rows = [row for unit in units for row in self.rows.get(str(unit), [])]
        return self.results

    def _go_through(
        self, steps: Sequence[tuple[str, Callable[[], None]]], units: int
    ) -> list[tuple[str, Callable[[], None]]]:
        """Take every step that no other run is taking; return those that are left to others."""
        left = []
        for name, step in steps:
            self.on_progress(name, len(self.rows), units)
            try:
                step()
            except Timeout:
                left.append((name, step))
        return left

    def _plan(self) -> Iterator[Unit]:
        for seed in range(self.settings.seeds):
            for protocol in self.settings.protocols:
                for preset in self.presets:
                    enough = preset.seeds is not None and seed >= preset.seeds
                    enough |= seed > 0 and is_deterministic(preset)
                    if protocol in preset.protocols and not enough:
                        for bits in self.settings.bits:
                            yield Unit(preset, bits, protocol, seed)

    def _split(self, protocol: str) -> None:
        split = make_split(
            protocol,
            self.features.train_labels,
            self.features.test_labels,
            self.settings.split_seed,
        )
        self.splits[protocol] = split
        self.results.splits[protocol] = split.describe()

    def _baselines(self, protocol: str) -> None:
        split, budget = self.splits[protocol], self.settings.tuning
        parts: list[tuple[str, Callable[[], Rows]]] = [
            ("float-knn", lambda: [baselines.float_search(self.features, split)]),
            (
                "linear-classifier",
                lambda: baselines.linear_classifier(self.features, split, budget),
            ),
        ]
        found: Rows = []
        for name, compute in parts:
            path, facts = f"baselines/{protocol}-{name}.json", [protocol, name, asdict(budget)]
            found += self._kept(f"{protocol} {name}", path, facts, compute) or []
        self.results.baselines += found

    def _kept(self, step: str, path: str, facts: Any, compute: Callable[[], Rows]) -> Rows | None:
        """Return the rows of a step, or None if it fails.

        Raises
        ------
        Timeout
            If another run is at it and this one is not to wait yet.
        """

        def guarded() -> Rows:
            try:
                return compute()
            # One method's failure, whatever it is, must not cost the hours of the others.
            except Exception as error:
                self._fail(step, error)
                raise _StepError from error

        try:
            rows, seconds = self.cache.rows(path, facts, guarded, wait=self.may_wait)
        except _StepError:
            return None
        self.results.seconds += seconds
        return rows

    def _fail(self, step: str, error: Exception) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        self.results.failures.append(
            {
                "step": step,
                "error": f"{type(error).__name__}: {error}",
                "where": f"{Path(last.filename).name}:{last.lineno}",
            }
        )

    def _parameters(self, preset: MethodPreset, protocol: str) -> dict[str, Any] | None:
        """Return the parameters chosen for a preset and protocol, or None if that failed."""
        name = (preset.label, protocol)
        if name not in self.chosen:
            self.chosen[name] = self._select(preset, protocol)
        return self.chosen[name]

    def _select(self, preset: MethodPreset, protocol: str) -> dict[str, Any] | None:
        budget = self.settings.tuning
        candidates = [dict(candidate) for candidate in preset.candidates]
        default = make_hasher(preset, budget.bits, {}, budget.seed).configuration()
        facts = [protocol, preset.label, default, candidates, asdict(budget)]

        def compute() -> Rows:
            # Only training arrays go in: no choice can see the test set.
            vectors, labels = self.features.train_vectors, self.features.train_labels
            return [choose_parameters(preset, vectors, labels, self.splits[protocol], budget)]

        path = f"selection/{protocol}/{preset.label}.json"
        rows = self._kept(f"{protocol} {preset.label} selection", path, facts, compute)
        if rows is None:
            return None
        self.results.selections.append({"protocol": protocol, "method": preset.label, **rows[0]})
        return dict(rows[0]["params"])

    def _is_repeat_too_slow(self, unit: Unit) -> bool:
        """Return whether the unit repeats, on another protocol than `standard`, a slow fit.

        Raises
        ------
        Timeout
            If another run is still at the first fit.
        """
        if unit.protocol == "standard" or unit.seed == 0:
            return False
        first = str(replace(unit, seed=0))
        if first not in self.rows and not self.may_wait:
            raise Timeout(first)
        return not any(
            row["fit_seconds"] < self.settings.repeat_below_seconds
            for row in self.rows.get(first, [])
        )

    def _unit(self, unit: Unit) -> None:
        if self._is_repeat_too_slow(unit):
            return
        params = self._parameters(unit.method, unit.protocol)
        if params is None:
            return
        hasher = make_hasher(unit.method, unit.bits, params, unit.seed)
        facts = [str(unit), hasher.configuration(), unit.method.distances]
        split = self.splits[unit.protocol]
        rows = self._kept(
            str(unit), unit.path, facts, lambda: measure(unit, self.features, split, params)
        )
        if rows is not None:
            self.rows[str(unit)] = rows
