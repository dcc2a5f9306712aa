"""Several processes measure one benchmark: nothing twice, and none outlives an interruption."""

import multiprocessing
import os

import pytest

from hashlens.benchmark import run_benchmark
from hashlens.errors import DataError, ParameterError
from hashlens.native import thread_count

from .conftest import small_features


def figures(rows):
    return [
        {
            name: value
            for name, value in row.items()
            if not name.endswith(("seconds", "_gib")) and name != "threads"
        }
        for row in rows
    ]


def test_workers_measure_what_one_process_measures(run, features, settings, tmp_path):
    heard = []
    results = run_benchmark(
        features, settings, tmp_path, jobs=2, on_progress=lambda *now: heard.append(now)
    )
    assert results.failures == []
    assert figures(results.rows) == figures(run[0].rows)
    assert {row["threads"] for row in results.rows} == {max(thread_count() // 2, 1)}
    assert heard[-1] == ("done", 24, 24)
    assert multiprocessing.active_children() == []


def test_an_interruption_stops_the_workers_and_keeps_their_cells(features, settings, tmp_path):
    seen = []

    def stop(step, done, total):
        if done >= 3:
            seen.extend(multiprocessing.active_children())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_benchmark(features, settings, tmp_path, jobs=2, on_progress=stop)
    assert seen
    assert not any(worker.is_alive() for worker in seen)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/rows/**/*.json")}
    assert 3 <= len(kept) < 24
    assert len(run_benchmark(features, settings, tmp_path).rows) == 24
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())


def test_a_folder_of_other_descriptors_is_refused_before_workers_start(run, settings, capfd):
    with pytest.raises(DataError, match="other descriptors"):
        run_benchmark(small_features(seed=9), settings, run[1], jobs=2)
    assert capfd.readouterr().err == ""


def test_the_environment_is_as_it_was(features, settings, run, monkeypatch):
    monkeypatch.setenv("HASHLENS_THREADS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run_benchmark(features, settings, run[1], jobs=2)
    assert os.environ["HASHLENS_THREADS"] == "1"
    assert "OMP_NUM_THREADS" not in os.environ


def test_no_job_is_refused(features, settings, tmp_path):
    with pytest.raises(ParameterError, match="'jobs' parameter must be at least 1"):
        run_benchmark(features, settings, tmp_path, jobs=0)
