"""The benchmark command on a folder of small images, from pixels to tables and figures."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashlens.native import thread_count

OPTIONS = ("--bits", "8,16", "--methods", "lsh,itq", "--candidates", "1", "--seeds", "2")


def benchmark(*arguments):
    return subprocess.run(
        [Path(sys.executable).with_name("hashlens"), "benchmark", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Return a folder of five classes of fourteen noisy one-colored images."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("shapes")
    for label in range(5):
        (folder / f"class{label}").mkdir()
        color = rng.integers(0, 255, 3)
        for number in range(14):
            pixels = np.clip(color + rng.normal(0, 60, (32, 32, 3)), 0, 255)
            path = folder / f"class{label}" / f"{number}.png"
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    """Return the finished command, its folder of results and its cache."""
    out, cache = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("cache")
    done = benchmark(images, *OPTIONS, "--out", out, "--cache", cache, "--no-plots")
    return done, out, cache


def test_tables_on_the_terminal(run):
    done, _, _ = run
    assert done.returncode == 0, done.stderr
    for text in ("standard: 55 to train on", "heldout: ", "unseen: ", "itq", "±"):
        assert text in done.stdout
    assert "wrote" in done.stderr


def test_files(run, images):
    _, out, _ = run
    document = json.loads((out / f"{images.name}.json").read_text())
    assert len(document["rows"]) == 24
    assert "efficientnet" in document["context"]["descriptor"]["backbone and pretraining"]
    assert document["context"]["command"].startswith("hashlens benchmark ")
    page = (out / f"{images.name}.md").read_text()
    assert "quoted from the paper" not in page


def test_json_is_all_there_is_on_stdout_and_nothing_is_measured_twice(run, images):
    _, out, cache = run
    before = {path: path.stat().st_mtime_ns for path in out.glob("cells/rows/**/*.json")}
    done = benchmark(images, *OPTIONS, "--out", out, "--cache", cache, "--json", "--no-plots")
    assert len(json.loads(done.stdout)["rows"]) == 24
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("cells/rows/**/*.json")}


def test_a_method_that_cannot_be_measured_is_named_and_exits_with_1(run, images, tmp_path):
    """Seventy images have no 128 principal components; LSH needs none."""
    done = benchmark(
        images, "--bits", "128", "--methods", "lsh,itq", "--candidates", "1", "--seeds", "1",
        "--protocols", "standard", "--out", tmp_path, "--cache", run[2], "--no-plots",
    )  # fmt: skip
    assert done.returncode == 1
    assert "not measured: standard itq 128 bits" in done.stderr
    assert "lsh" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--bits", "12"), "multiple of 8"),
        (("--bits", "many"), "--bits must be code lengths"),
        (("--methods", "itk"), "Unknown methods: itk"),
        (("--protocols", "paper"), "standard, heldout, unseen"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, message, images, tmp_path):
    done = benchmark(images, "--out", tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_jobs_share_the_cells_and_the_cores(run, images, tmp_path):
    """Every cell was measured by one of the two runs, with half of the cores."""
    _, alone, cache = run
    done = benchmark(
        images, *OPTIONS, "--out", tmp_path, "--cache", cache, "--no-plots", "--jobs", "2"
    )
    assert done.returncode == 0, done.stderr
    rows, expected = (
        json.loads((out / f"{images.name}.json").read_text())["rows"] for out in (tmp_path, alone)
    )
    assert [row["precision_at_5"] for row in rows] == [row["precision_at_5"] for row in expected]
    assert {row["threads"] for row in rows} == {max(thread_count() // 2, 1)}
