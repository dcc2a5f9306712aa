"""A benchmark killed without warning goes on, and ends as if nothing had happened."""

import json
import signal
import subprocess
import sys
import time

PROGRAM = """
import sys
from pathlib import Path

import numpy as np

from hashlens.benchmark import (
    Budget, Features, Settings, curves, document, run_benchmark, write_report
)

rng = np.random.default_rng(0)
labels = np.repeat(np.arange(6), 40)
vectors = rng.normal(size=(6, 24))[labels] + rng.normal(size=(240, 24))
features = Features(vectors[::2], labels[::2], vectors[1::2], labels[1::2])
budget = Budget(candidates=1)
settings = Settings(bits=(8, 16, 24), methods=("lsh", "pca-rr", "itq"), seeds=3, budget=budget)
out = Path(sys.argv[1])
results = run_benchmark(features, settings, out)
write_report(document(results, features, settings, "test"), curves(results), out, plots=False)
"""


def start(out):
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(out)])


def rows(out):
    return [
        {name: value for name, value in row.items() if not name.endswith(("seconds", "_gib"))}
        for row in json.loads((out / "cifar100.json").read_text())["rows"]
    ]


def test_killed_runs_end_like_an_undisturbed_one(tmp_path):
    assert start(tmp_path / "calm").wait(120) == 0
    out = tmp_path / "killed"
    written = 0
    for target in (5, 30, 60):
        process = start(out)
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            written = len(list(out.glob("cells/rows/**/*.json")))
            if written >= target:
                process.send_signal(signal.SIGKILL)
                break
        process.wait(60)
    assert written >= 60
    assert not (out / "cifar100.json").exists() or process.returncode == 0
    assert start(out).wait(120) == 0
    for calm, killed in zip(rows(tmp_path / "calm"), rows(out), strict=True):
        assert calm == killed
    assert not list(out.glob("cells/rows/**/*.tmp"))
