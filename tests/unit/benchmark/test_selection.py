"""Hyper-parameters are chosen on training rows alone, with one budget for every method."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from hashlens.benchmark import Settings, run_benchmark, selection
from hashlens.benchmark.method_presets import PRESETS, MethodPreset
from hashlens.benchmark.selection import choose_parameters
from hashlens.datasets.protocols import PROTOCOLS, make_split
from hashlens.errors import DataError

from .conftest import SMALL_BUDGET, small_features

TUNED = MethodPreset("itq", "default", {}, ({"iterations": 1}, {"iterations": 3}))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_selection_reads_only_rows_that_train(protocol, features):
    """Rows outside of split.fit are NaN, which every hasher refuses: one read would raise."""
    split = make_split(protocol, features.train_labels, features.test_labels)
    vectors = np.full_like(features.train_vectors, np.nan)
    vectors[split.fit] = features.train_vectors[split.fit]
    poisoned = choose_parameters(TUNED, vectors, features.train_labels, split, SMALL_BUDGET)
    clean = choose_parameters(
        TUNED, features.train_vectors, features.train_labels, split, SMALL_BUDGET
    )
    scores = [[c["precision_at_5"] for c in choice["candidates"]] for choice in (poisoned, clean)]
    assert len(scores[0]) == 3
    assert scores[0] == scores[1]


def test_the_poison_of_the_test_above_would_be_noticed(features):
    split = make_split("standard", features.train_labels, features.test_labels)
    vectors = features.train_vectors.copy()
    vectors[split.fit[::7]] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        choose_parameters(TUNED, vectors, features.train_labels, split, SMALL_BUDGET)


def test_a_run_chooses_alike_whatever_the_test_set_holds(tmp_path):
    settings = Settings(bits=(8,), methods=("itq",), seeds=1, budget=SMALL_BUDGET)
    first = run_benchmark(small_features(), settings, tmp_path / "a", presets=[TUNED])
    other = run_benchmark(small_features(test_seed=77), settings, tmp_path / "b", presets=[TUNED])
    scores = [
        [[c["precision_at_5"] for c in choice["candidates"]] for choice in run.selections]
        for run in (first, other)
    ]
    assert scores[0] == scores[1]
    assert [c["params"] for c in first.selections] == [c["params"] for c in other.selections]
    strengths = [
        [b["strength"] for b in run.baselines if b["baseline"] == "class-code"]
        for run in (first, other)
    ]
    assert strengths[0] == strengths[1]
    assert [r["precision_at_5"] for r in first.rows] != [r["precision_at_5"] for r in other.rows]


def test_selection_cannot_be_given_a_test_set():
    parameters = inspect.signature(choose_parameters).parameters
    assert list(parameters) == ["preset", "train_vectors", "train_labels", "split", "budget"]


def test_the_best_candidate_wins_and_is_used(features, tmp_path):
    split = make_split("standard", features.train_labels, features.test_labels)
    choice = choose_parameters(
        TUNED, features.train_vectors, features.train_labels, split, SMALL_BUDGET
    )
    best = max(choice["candidates"], key=lambda candidate: candidate["precision_at_5"])
    assert choice["params"] == best["params"]
    settings = Settings(
        bits=(16,), methods=("itq",), protocols=("standard",), seeds=1, budget=SMALL_BUDGET
    )
    row = run_benchmark(features, settings, tmp_path, presets=[TUNED]).rows[0]
    assert row["tuned"] == best["params"]
    assert best["params"].items() <= row["parameters"].items()


def test_a_tie_keeps_the_default(features):
    split = make_split("standard", features.train_labels, features.test_labels)
    same = MethodPreset("itq", "default", {}, ({"iterations": 50}, {"iterations": 50}))
    choice = choose_parameters(
        same, features.train_vectors, features.train_labels, split, SMALL_BUDGET
    )
    assert len({candidate["precision_at_5"] for candidate in choice["candidates"]}) == 1
    assert choice["params"] == {}


def test_the_budget_caps_candidates_and_rows(features, monkeypatch):
    fitted = []
    original = selection.make_hasher

    def spy(*arguments):
        hasher = original(*arguments)
        fit = hasher.fit
        hasher.fit = lambda X, y: (fitted.append(len(X)), fit(X, y))[1]
        return hasher

    monkeypatch.setattr(selection, "make_hasher", spy)
    split = make_split("standard", features.train_labels, features.test_labels)
    arrays = features.train_vectors, features.train_labels
    capped = replace(SMALL_BUDGET, candidates=2, fit_rows=50)
    choose_parameters(TUNED, *arrays, split, capped)
    assert fitted == [50, 50]
    choose_parameters(TUNED, *arrays, split, replace(capped, candidates=1))
    assert fitted == [50, 50]


@pytest.mark.parametrize(("protocol", "overlap"), [("standard", 50), ("heldout", 0), ("unseen", 0)])
def test_a_capped_choice_searches_what_its_protocol_searches(
    protocol, overlap, features, monkeypatch
):
    """On `standard` the whole database was trained on; elsewhere none of it."""
    seen = {}
    make_hasher = selection.make_hasher

    def spy(*arguments):
        hasher = make_hasher(*arguments)
        fit, transform = hasher.fit, hasher.transform
        hasher.fit = lambda X, y: (seen.update(fit={x.tobytes() for x in X}), fit(X, y))[1]
        # The database is hashed last.
        hasher.transform = lambda X: (seen.update(held={x.tobytes() for x in X}), transform(X))[1]
        return hasher

    monkeypatch.setattr(selection, "make_hasher", spy)
    split = make_split(protocol, features.train_labels, features.test_labels)
    capped = replace(SMALL_BUDGET, candidates=2, fit_rows=50, database_rows=50)
    choose_parameters(TUNED, features.train_vectors, features.train_labels, split, capped)
    assert len(seen["fit"] & seen["held"]) == overlap


def test_no_method_has_more_candidates_than_the_budget_tries():
    budget = selection.Budget()
    assert all(len(preset.candidates) + 1 <= budget.candidates for preset in PRESETS)


def test_a_candidate_that_cannot_be_fitted_loses(features):
    """192 rows are too few for the 256 centers of the second candidate."""
    preset = MethodPreset("kmh", "default", {}, ({"bits_per_subspace": 8},))
    split = make_split("standard", features.train_labels, features.test_labels)
    arrays = features.train_vectors, features.train_labels
    choice = choose_parameters(preset, *arrays, split, SMALL_BUDGET)
    assert choice["params"] == {}
    assert "256 training vectors" in choice["candidates"][1]["error"]


def test_no_candidate_that_can_be_fitted(features):
    """32 dimensions have no 40 principal components."""
    split = make_split("standard", features.train_labels, features.test_labels)
    arrays = features.train_vectors, features.train_labels
    with pytest.raises(DataError, match="No candidate of itq can be fitted.*40"):
        choose_parameters(TUNED, *arrays, split, replace(SMALL_BUDGET, bits=40))


def test_tuning_happens_at_a_length_that_is_measured():
    assert Settings(bits=(32, 48, 64, 128)).tuning.bits == 64
    assert Settings(bits=(8, 16)).tuning.bits == 16
    assert Settings(bits=(128,)).tuning.bits == 128
