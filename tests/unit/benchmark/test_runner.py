import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock, Timeout

from hashlens.benchmark import (
    Budget,
    Settings,
    document,
    measure,
    result_cache,
    run_benchmark,
    runner,
)
from hashlens.benchmark.method_presets import MethodPreset
from hashlens.errors import DataError, FormatError, ParameterError
from hashlens.hashers import ITQ, presets
from hashlens.hashers.presets import Architecture, Preset

from .conftest import SMALL_BUDGET, small_features


def without_effort(rows):
    return [
        {name: value for name, value in row.items() if not name.endswith(("seconds", "_gib"))}
        for row in rows
    ]


def test_every_cell_of_the_plan_has_a_row(run):
    results, _ = run
    assert results.failures == []
    cells = {(r["method"], r["bits"], r["protocol"], r["seed"]) for r in results.rows}
    assert cells == {
        (method, bits, protocol, seed)
        for method in ("lsh", "itq")
        for bits in (8, 16)
        for protocol in ("standard", "heldout", "unseen")
        for seed in (0, 1)
    }
    assert len(cells) == len(results.rows)


def test_rows_hold_what_a_table_needs(run):
    for row in run[0].rows:
        assert (
            0
            <= row["precision_at_5_low"]
            <= row["precision_at_5"]
            <= row["precision_at_5_high"]
            <= 1
        )
        assert 0 < row["map"] <= 1
        assert row["preset"] == "default"
        assert row["fit_seconds"] >= 0
        assert len(row["curves"]["recall"]) == row["bits"] + 1
        figures = (
            "bit_imbalance",
            "bit_correlation",
            "quantization_error",
            "linear_reconstruction_error",
            "unique_codes_per_thousand",
        )
        assert all(row[figure] >= 0 for figure in figures)


def test_spherical_hashing_has_a_row_for_either_distance(features, tmp_path):
    settings = Settings(
        bits=(16,), methods=("sph",), protocols=("standard",), seeds=1, budget=Budget(candidates=1)
    )
    plain, own = run_benchmark(features, settings, tmp_path).rows
    assert (plain["preset"], plain["distance"]) == ("default", "hamming")
    assert (own["preset"], own["distance"]) == ("own-distance", "spherical")
    assert plain["fit_seconds"] == own["fit_seconds"]
    assert plain["precision_at_5"] != own["precision_at_5"]
    assert "curves" not in own


def test_seeds_reach_the_methods(run):
    rows = [
        r for r in run[0].rows if (r["method"], r["bits"], r["protocol"]) == ("lsh", 16, "standard")
    ]
    assert rows[0]["precision_at_5"] != rows[1]["precision_at_5"]
    assert [row["parameters"]["random_state"] for row in rows] == [0, 1]


def test_baselines_of_every_protocol(run):
    found = {(b["protocol"], b["baseline"]): b for b in run[0].baselines}
    assert len(found) == 9
    assert found["standard", "class-code"]["bits"] == 3
    assert found["standard", "linear-classifier"]["accuracy"] > 0.5
    assert found["unseen", "linear-classifier"]["accuracy"] is None
    assert found["unseen", "float-knn"]["queries"] == 24


def test_a_finished_run_is_read_not_measured(run, features, settings, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("measured again")

    monkeypatch.setattr(runner, "measure", refuse)
    monkeypatch.setattr(runner, "choose_parameters", refuse)
    monkeypatch.setattr(runner.baselines, "float_search", refuse)
    again = run_benchmark(features, settings, run[1])
    assert again.failures == []
    assert again.rows == run[0].rows
    assert again.baselines == run[0].baselines


def test_an_interrupted_run_goes_on_where_it_stopped(
    run, features, settings, tmp_path, monkeypatch
):
    measured = []

    def count(unit, *arguments):
        measured.append(str(unit))
        return measure.measure(unit, *arguments)

    monkeypatch.setattr(runner, "measure", count)

    def stop_at_seven(step, done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(features, settings, tmp_path, on_progress=stop_at_seven)
    assert len(measured) == 7
    results = run_benchmark(features, settings, tmp_path)
    assert len(measured) == len(set(measured)) == len(results.rows) == 24
    assert without_effort(results.rows) == without_effort(run[0].rows)


def test_other_parameters_are_measured_anew(features, tmp_path):
    small = Settings(
        bits=(8,), methods=("itq",), protocols=("standard",), seeds=1, budget=SMALL_BUDGET
    )
    run_benchmark(features, small, tmp_path)
    changed = (MethodPreset("itq", "default", {"iterations": 1}),)
    results = run_benchmark(features, small, tmp_path, presets=changed)
    assert [row["parameters"]["iterations"] for row in results.rows] == [1]


def test_a_folder_of_other_descriptors_is_refused(run, settings):
    with pytest.raises(DataError, match=r"other descriptors.*--out"):
        run_benchmark(small_features(seed=9), settings, run[1])


def test_two_runs_share_the_work(run, features, settings, tmp_path, monkeypatch):
    """Each measures what the other is not at; both end with all rows, in the plan's order."""
    measured = []

    def slow(unit, *arguments):
        measured.append(str(unit))
        time.sleep(0.02)
        return measure.measure(unit, *arguments)

    monkeypatch.setattr(runner, "measure", slow)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run_benchmark(features, settings, tmp_path), range(2)))
    assert len(measured) == len(set(measured)) == 24
    for results in both:
        assert results.failures == []
        assert without_effort(results.rows) == without_effort(run[0].rows)
        assert [b["baseline"] for b in results.baselines] == [
            b["baseline"] for b in run[0].baselines
        ]


def test_a_cell_that_another_run_is_at_comes_last(features, settings, tmp_path, monkeypatch):
    held = []

    class Held(FileLock):
        def __init__(self, path, timeout):
            if timeout == 0 and not held:
                held.append(path)
                raise Timeout(str(path))
            super().__init__(path, timeout=timeout)

    monkeypatch.setattr(result_cache, "FileLock", lambda path, timeout=-1: Held(path, timeout))
    heard = []
    results = run_benchmark(
        features, settings, tmp_path, on_progress=lambda step, *_: heard.append(step)
    )
    assert len(results.rows) == 24
    assert heard[0] == heard[-2] == "standard: baselines"


def test_a_damaged_row_is_named(features, tmp_path):
    small = Settings(
        bits=(8,), methods=("lsh",), protocols=("standard",), seeds=1, budget=SMALL_BUDGET
    )
    run_benchmark(features, small, tmp_path)
    path = tmp_path / "cells/rows/standard/lsh/8-0.json"
    path.write_text("{")
    with pytest.raises(FormatError, match=r"8-0\.json.*Remove it"):
        run_benchmark(features, small, tmp_path)


def test_one_method_that_fails_costs_no_other(features, tmp_path):
    """32 dimensions have no 40 principal components; LSH needs none."""
    settings = Settings(
        bits=(40,), methods=("lsh", "pcah"), protocols=("standard",), seeds=1, budget=SMALL_BUDGET
    )
    results = run_benchmark(features, settings, tmp_path)
    assert [row["method"] for row in results.rows] == ["lsh"]
    assert len(results.failures) == 1
    assert "pcah 40 bits" in results.failures[0]["step"]
    assert "DataError" in results.failures[0]["error"]


def test_a_collapsed_code_has_a_row_and_costs_no_other(features, tmp_path, monkeypatch):
    """One constant code leaves no two bits that vary, so their correlation is undefined."""
    monkeypatch.setattr(ITQ, "transform", lambda self, X: np.zeros((len(X), 1), np.uint8))
    settings = Settings(
        bits=(8,), methods=("itq", "sh"), protocols=("standard",), seeds=1, budget=SMALL_BUDGET
    )
    results = run_benchmark(features, settings, tmp_path)
    assert results.failures == []
    collapsed, other = results.rows
    assert (collapsed["bit_correlation"], collapsed["constant_bits"]) == (None, 8)
    found = document(results, features, settings, "command")
    assert json.loads(json.dumps(found, allow_nan=False))["rows"][0]["bit_correlation"] is None
    assert other["method"] == "sh"


@pytest.mark.torch
def test_a_preset_that_changes_is_measured_anew(features, tmp_path, monkeypatch):
    settings = Settings(
        bits=(8,), methods=("autoencoder",), protocols=("standard",), seeds=1,
        budget=SMALL_BUDGET,
    )  # fmt: skip
    brief = [MethodPreset("autoencoder", "brief", {"schedule": {"epochs": 1}})]
    for units in (16, 24):
        preset = Preset(Architecture(descriptor_units=units))
        monkeypatch.setitem(presets.PRESETS, "default", preset)
        (row,) = run_benchmark(features, settings, tmp_path, presets=brief).rows
        assert row["parameters"]["architecture"]["descriptor_units"] == units


def test_rows_say_what_a_fit_took_and_by_which_code(run, features):
    for row in run[0].rows:
        assert row["supervised"] is False
        assert isinstance(row["commit"], str | None)
        if sys.platform == "linux":
            assert row["fit_peak_gib"] > 0.01
    assert run[0].seconds > sum(row["fit_seconds"] for row in run[0].rows)


def test_bre_that_learns_from_labels_is_a_row_of_its_own(features, tmp_path):
    settings = Settings(
        bits=(8,), methods=("bre",), protocols=("standard",), seeds=1,
        budget=replace(SMALL_BUDGET, candidates=1),
    )  # fmt: skip
    rows = run_benchmark(features, settings, tmp_path).rows
    assert [(row["preset"], row["supervised"]) for row in rows] == [
        ("default", False), ("supervised", True)
    ]  # fmt: skip


def test_slow_fits_are_repeated_on_standard_only(features, tmp_path):
    settings = Settings(
        bits=(8,), methods=("itq",), seeds=2, budget=SMALL_BUDGET, repeat_below_seconds=0
    )
    results = run_benchmark(features, settings, tmp_path)
    cells = [(row["protocol"], row["seed"]) for row in results.rows]
    assert cells == [("standard", 0), ("heldout", 0), ("unseen", 0), ("standard", 1)]


def test_a_preset_may_be_run_on_less(features, settings, tmp_path):
    once = MethodPreset("lsh", "default", {}, protocols=("standard", "unseen"), seeds=1)
    results = run_benchmark(features, settings, tmp_path, presets=[once])
    cells = [(row["protocol"], row["bits"], row["seed"]) for row in results.rows]
    assert cells == [("standard", 8, 0), ("standard", 16, 0), ("unseen", 8, 0), ("unseen", 16, 0)]


def test_progress_counts_to_the_end(features, settings, run):
    heard = []
    run_benchmark(features, settings, run[1], on_progress=lambda *progress: heard.append(progress))
    done = [progress[1] for progress in heard]
    assert done == sorted(done)
    assert heard[-1] == ("done", 24, 24)
    assert any("itq 16 bits" in step for step, _, _ in heard)


def test_files_of_a_run_are_whole_json(run):
    files = list(run[1].rglob("*"))
    assert len([path for path in files if path.suffix == ".json"]) > 24
    assert not [path for path in files if path.suffix == ".tmp"]
    for path in files:
        if path.suffix == ".json":
            json.loads(path.read_text())


@pytest.mark.parametrize(
    "wrong",
    [
        {"bits": (12,)},
        {"bits": ()},
        {"methods": ("itk",)},
        {"methods": ()},
        {"protocols": ("paper",)},
        {"protocols": ()},
        {"seeds": 0},
    ],
)
def test_settings_that_measure_nothing(wrong):
    with pytest.raises(ParameterError):
        Settings(**wrong)
