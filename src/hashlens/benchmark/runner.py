"""The resumable run: everything already measured is read, the rest is measured and written.

Several runs may share one folder: each takes what no other is at.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hashlens.benchmark import baselines
from hashlens.benchmark.features import Features
from hashlens.benchmark.files import fingerprint, read_json, remembered, write_json
from hashlens.benchmark.measure import Row, Unit, measure
from hashlens.benchmark.methods import MethodPreset, choose_presets
from hashlens.benchmark.selection import choose_parameters, is_deterministic, make_hasher
from hashlens.benchmark.settings import Settings
from hashlens.datasets.protocols import Split, make_split
from hashlens.errors import DataError

CELLS = "cells"
"""The folder, within that of results, where every measured cell has its file."""

FORMAT = 2
"""Version of what is measured and how it is written; another version is measured anew."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes
    ----------
    done, total : int
        Units measured, read or skipped, of all units.
    step : str
        What is being done, for people.
    """

    done: int
    total: int
    step: str


@dataclass
class Results:
    """What a run measured; failures are kept beside the rows, never silently dropped.

    ``seconds`` is what all of it took to measure, in this run or in earlier ones.
    """

    rows: list[Row] = field(default_factory=list)
    baselines: list[Row] = field(default_factory=list)
    selections: list[dict[str, Any]] = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0


Listener = Callable[[Progress], None]


def run_benchmark(
    features: Features,
    settings: Settings,
    out: Path,
    listen: Listener | None = None,
    presets: Sequence[MethodPreset] | None = None,
) -> Results:
    """Measure every cell and keep each in a file of ``out``, so that a killed run goes on.

    Parameters
    ----------
    features : Features
    settings : Settings
    out : Path
        Folder of results. What its folder `CELLS` holds of the same descriptors and parameters
        is not measured again.
    listen : callable, optional
        Called with the progress before each step.
    presets : sequence of MethodPreset, optional
        Presets to run in place of those that ``settings.methods`` names, as for an ablation.

    Returns
    -------
    Results
        A method that fails leaves an entry in ``failures``, and the others go on.

    Raises
    ------
    DataError
        If ``out`` holds results of other descriptors.
    """
    cells = out / CELLS
    cells.mkdir(parents=True, exist_ok=True)
    with FileLock(cells / ".lock"):
        _claim(cells, features)
    run = _Run(features, settings, cells, listen or (lambda _: None))
    run.presets = choose_presets(settings.methods) if presets is None else tuple(presets)
    return run.all()


def _claim(cells: Path, features: Features) -> None:
    """Write whose results the folder holds, or refuse a folder of other results."""
    marker = cells / "features.json"
    if marker.exists():
        held = read_json(marker).get("digest")
        if held != features.digest:
            raise DataError(
                f"{cells} holds results of other descriptors or another data set (digest "
                f"{str(held)[:12]}, these have {features.digest[:12]}). "
                "Choose another folder with --out, or remove this one."
            )
        return
    write_json(marker, {"digest": features.digest, "descriptor": dict(features.descriptor)})


class _Run:
    """One pass over the plan. Seeds come last, so that an early kill leaves a whole table."""

    def __init__(
        self, features: Features, settings: Settings, cells: Path, listen: Listener
    ) -> None:
        self.features = features
        self.settings = settings
        self.cells = cells
        self.listen = listen
        self.presets: tuple[MethodPreset, ...] = ()
        self.splits: dict[str, Split] = {}
        self.chosen: dict[tuple[str, str], dict[str, Any] | None] = {}
        self.rows: dict[str, list[Row]] = {}
        self.may_wait = False
        self.results = Results()

    def all(self) -> Results:
        units = list(self._plan())
        for protocol in self.settings.protocols:
            self._split(protocol)
        steps: list[tuple[str, Callable[[], None]]] = [
            (f"{protocol}: baselines", partial(self._baselines, protocol))
            for protocol in self.settings.protocols
        ]
        steps += [(str(unit), partial(self._unit, unit)) for unit in units]
        # What another run is at is left to it at first, and waited for in the end.
        left = self._go_through(steps, len(units))
        self.may_wait = True
        self._go_through(left, len(units))
        self.listen(Progress(len(units), len(units), "done"))
        self.results.rows = [row for unit in units for row in self.rows.get(str(unit), [])]
        return self.results

    def _go_through(
        self, steps: Sequence[tuple[str, Callable[[], None]]], units: int
    ) -> list[tuple[str, Callable[[], None]]]:
        """Do what no other run is at; return the steps that are left to others."""
        left = []
        for name, step in steps:
            self.listen(Progress(len(self.rows), units, name))
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

    def _key(self, *facts: Any) -> str:
        return fingerprint([FORMAT, self.features.digest, self.settings.split_seed, *facts])

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
        split = self.splits[protocol]
        parts: list[tuple[str, Callable[[], list[Row]]]] = [
            ("float-knn", lambda: [baselines.float_search(self.features, split)]),
            (
                "linear-classifier",
                lambda: baselines.linear_classifier(self.features, split, self.settings.tuning),
            ),
        ]
        found: list[Row] = []
        for name, compute in parts:
            path = self.cells / "baselines" / f"{protocol}-{name}.json"
            key = self._key(protocol, name, asdict(self.settings.tuning))
            found += self._remember(f"{protocol} {name}", path, key, compute) or []
        self.results.baselines += found

    def _remember(
        self, step: str, path: Path, key: str, compute: Callable[[], list[Row]]
    ) -> list[Row] | None:
        """Return a file's rows, computing and writing them where needed; None if that fails.

        Raises
        ------
        Timeout
            If another run is computing them and this one is not to wait yet.
        """
        held: dict[str, Any] | None = remembered(path, key)
        if held is None:
            lock = self.cells / "locks" / f"{fingerprint([str(path), key])}.lock"
            lock.parent.mkdir(exist_ok=True)
            with FileLock(lock, timeout=-1 if self.may_wait else 0):
                held = remembered(path, key) or self._computed(step, path, key, compute)
        if held is None:
            return None
        self.results.seconds += held["seconds"]
        rows: list[Row] = held["rows"]
        return rows

    def _computed(
        self, step: str, path: Path, key: str, compute: Callable[[], list[Row]]
    ) -> dict[str, Any] | None:
        start = time.perf_counter()
        try:
            rows = compute()
        # One method's failure, whatever it is, must not cost the hours of the others.
        except Exception as error:
            self._fail(step, error)
            return None
        seconds = round(time.perf_counter() - start, 3)
        held = {"fingerprint": key, "rows": rows, "seconds": seconds}
        write_json(path, held)
        return held

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
        """Return what selection chose for a preset and protocol; None if it failed."""
        name = (preset.label, protocol)
        if name not in self.chosen:
            self.chosen[name] = self._select(preset, protocol)
        return self.chosen[name]

    def _select(self, preset: MethodPreset, protocol: str) -> dict[str, Any] | None:
        budget = self.settings.tuning
        path = self.cells / "selection" / protocol / f"{preset.label}.json"
        facts = [dict(candidate) for candidate in preset.candidates]
        default = make_hasher(preset, budget.bits, {}, budget.seed).configuration()
        key = self._key(protocol, preset.label, default, facts, asdict(budget))

        def compute() -> list[Row]:
            # Only training arrays go in: no choice can see the test set.
            vectors, labels = self.features.train_vectors, self.features.train_labels
            return [choose_parameters(preset, vectors, labels, self.splits[protocol], budget)]

        rows = self._remember(f"{protocol} {preset.label} selection", path, key, compute)
        if rows is None:
            return None
        self.results.selections.append({"protocol": protocol, "method": preset.label, **rows[0]})
        return dict(rows[0]["params"])

    def _is_repeat_too_slow(self, unit: Unit) -> bool:
        """Return whether the unit is a repeat beside `standard` of a fit that takes long.

        Raises
        ------
        Timeout
            If another run is still at that fit.
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
        key = self._key(str(unit), hasher.configuration(), unit.method.distances)
        split = self.splits[unit.protocol]
        rows = self._remember(
            str(unit),
            self.cells / unit.path,
            key,
            lambda: measure(unit, self.features, split, params),
        )
        if rows is not None:
            self.rows[str(unit)] = rows
