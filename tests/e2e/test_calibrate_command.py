"""The real `calibrate`, and what `--precision` of `search` and `duplicates` makes of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HASHLENS = Path(sys.executable).with_name("hashlens")
CLASSES = 3
WANTED = 0.9


def run(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HASHLENS, *map(str, arguments)], capture_output=True, text=True, timeout=600
    )


def run_json(*arguments) -> dict:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def draw(folder: Path, classes, seed: int) -> Path:
    """Write noisy variants of a picture a class, one for each entry of ``classes``."""
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).integers(0, 256, (CLASSES, 6, 6, 3))
    for number, label in enumerate(classes):
        pixels = np.clip(patterns[number % CLASSES] + rng.normal(0, 40, (6, 6, 3)), 0, 255)
        path = folder / str(label) / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(pixels.astype(np.uint8))
        image.resize((48, 48), Image.Resampling.BICUBIC).save(path)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """Labeled data, a model of them, and a collection that was made before it is calibrated."""
    folder = tmp_path_factory.mktemp("calibrate")
    draw(folder / "data", [number % CLASSES for number in range(60)], seed=1)
    draw(folder / "photos", [number % CLASSES for number in range(12)], seed=2)
    train(folder)
    done = run("index", folder / "photos", "--model", folder / "model", "-c", folder / "early")
    assert done.returncode == 0, done.stderr
    return folder


def train(root: Path, bits: int = 16) -> None:
    done = run(
        "train", root / "data", "--method", "itq", "--bits", bits, "--no-report",
        "--out", root / "model", "--cache", root / "cache",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def calibrated(root) -> dict:
    """Calibrate a copy of the model; return what was printed, and make a collection of it."""
    found = run_json(
        "calibrate", root / "model", root / "data", "--precision", f"0.5,{WANTED}",
        "--resamples", 200, "--out", root / "calibrated", "--cache", root / "cache",
    )  # fmt: skip
    done = run("index", root / "photos", "--model", root / "calibrated", "-c", root / "late")
    assert done.returncode == 0, done.stderr
    return found


def test_a_copy_is_calibrated_and_the_model_left_as_it_was(root, calibrated):
    assert calibrated["saved"] == str(root / "calibrated")
    assert (root / "calibrated" / "calibration.json").is_file()
    assert not (root / "model" / "calibration.json").exists()


def test_a_wanted_precision_has_a_radius_within_its_interval(calibrated):
    low, high = calibrated["radii"]
    assert [row["wanted"] for row in (low, high)] == [0.5, WANTED]
    assert low["radius"] >= high["radius"] >= 0
    for row in (low, high):
        assert row["wanted"] <= row["precision"]
        assert row["precision_low"] <= row["precision"] <= row["precision_high"]


def test_search_by_precision_is_search_by_its_radius(root, calibrated):
    query, collection = root / "photos" / "1" / "01.png", root / "late"
    radius = calibrated["radii"][1]["radius"]
    by_precision = run_json("search", query, "-c", collection, "--precision", WANTED)
    by_radius = run_json("search", query, "-c", collection, "--radius", radius)
    assert by_precision["results"] == by_radius["results"]
    hits = by_precision["results"][0]["hits"]
    assert 0 < len(hits) < 12
    right = sum(Path(hit["path"]).parent.name == "1" for hit in hits)
    assert right / len(hits) >= 0.5
    told = run("search", query, "-c", collection, "--precision", WANTED).stderr
    assert f"radius {radius} bits for a precision of {WANTED}" in told


def test_a_search_that_finds_nothing_near_enough_says_so(root, calibrated, tmp_path):
    noise = np.random.default_rng(7).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    done = run("search", tmp_path / "noise.png", "-c", root / "late", "--radius", 0)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'noise.png'}: no image is near enough\n"


def test_duplicates_by_precision_are_those_of_its_radius(root, calibrated):
    radius = calibrated["radii"][1]["radius"]
    by_precision = run_json("duplicates", "-c", root / "late", "--precision", WANTED)
    assert by_precision == run_json("duplicates", "-c", root / "late", "--radius", radius)
    assert by_precision["radius"] == radius
    assert by_precision["groups"]


@pytest.mark.parametrize("command", ["search", "duplicates"])
def test_without_a_calibration_the_refusal_names_the_command_that_helps(root, command):
    query = [root / "photos" / "1" / "01.png"] if command == "search" else []
    done = run(command, *query, "-c", root / "early", "--precision", WANTED)
    assert done.returncode == 2
    assert f"hashlens calibrate {root / 'early'} DATA" in done.stderr
    assert done.stdout == ""


def test_a_collection_is_calibrated_in_its_own_copy_of_the_model(root, tmp_path):
    collection = tmp_path / "mine"
    shutil.copytree(root / "early", collection)
    done = run("calibrate", collection, root / "data", "--cache", root / "cache",
               "--resamples", 200, "--precision", WANTED)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "surely reached by" in done.stdout
    assert run_json("duplicates", "-c", collection, "--precision", WANTED)["groups"]
    assert not (root / "model" / "calibration.json").exists()


def test_training_another_model_removes_the_calibration(root, tmp_path):
    for name in ("data", "cache"):
        (tmp_path / name).symlink_to(root / name)
    shutil.copytree(root / "model", tmp_path / "model")
    run_json("calibrate", tmp_path / "model", tmp_path / "data", "--cache", tmp_path / "cache",
             "--resamples", 200)  # fmt: skip
    assert (tmp_path / "model" / "calibration.json").is_file()
    train(tmp_path)  # the same model: what its distances mean has not changed
    assert (tmp_path / "model" / "calibration.json").is_file()
    train(tmp_path, bits=24)
    assert not (tmp_path / "model" / "calibration.json").exists()


def test_a_precision_that_no_radius_reaches_is_refused_with_the_best_there_is(root, tmp_path):
    mixed = draw(tmp_path / "mixed", [number // 2 % CLASSES for number in range(60)], seed=3)
    calibrate = ("calibrate", root / "model", mixed, "--out", tmp_path / "model")
    found = run_json(*calibrate, "--resamples", 200, "--cache", root / "cache")
    best = max(share for share in found["pairs"]["precision"] if share is not None)
    assert best < 0.99
    done = run("index", root / "photos", "--model", tmp_path / "model", "-c", tmp_path / "c")
    assert done.returncode == 0, done.stderr
    done = run("duplicates", "-c", tmp_path / "c", "--precision", 0.99)
    assert done.returncode == 2
    assert f"the best that was measured on {mixed}" in done.stderr
    assert f"is {best:.4f}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "query.png", "--radius", "3", "--precision", "0.9"], "one of radius and"),
        (["duplicates"], "a radius in bits, or a precision"),
        (["calibrate", "default", "data"], "add --out DIR"),
        (["calibrate", "default", "data", "--out", "."], ". exists and is not a model directory"),
        (["calibrate", "model", "data", "--precision", "95"], "above 0 and at most 1"),
        (["calibrate", "model", "data", "--bits", "many"], "such as 32,64"),
        (["calibrate", "model", "data", "--bits", "33"], "a multiple of 8"),
    ],
)
def test_wrong_usage_says_what_is_wrong(root, arguments, message):
    where = [] if arguments[0] == "calibrate" else ["-c", root / "early"]
    done = run(*arguments, *where)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
