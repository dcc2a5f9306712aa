"""The real command on good and on bad labeled data, before it trains and when it does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashlens.model.loading import load_model

HASHLENS = Path(sys.executable).with_name("hashlens")


def run(*arguments):
    return subprocess.run(
        [HASHLENS, *map(os.fspath, map(str, arguments))],
        capture_output=True,
        text=True,
        timeout=300,
    )


def draw(path, *colors):
    """Write a noisy picture that has more of some colors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = int.from_bytes(path.name.encode(), "little") % 2**32
    pixels = np.random.default_rng([seed, *colors]).integers(0, 120, (32, 32, 3)).astype(np.uint8)
    for color in colors:
        pixels[..., color] += 120
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path):
    """Two classes of twelve, an unreadable file, a copy and a contradiction."""
    data = tmp_path / "data"
    for number in range(12):
        draw(data / "red" / f"{number}.png", 0)
        draw(data / "blue" / f"{number}.png", 2)
    (data / "red" / "bad.png").write_bytes(b"no picture")
    (data / "red" / "copy.png").write_bytes((data / "red" / "1.png").read_bytes())
    (data / "red" / "torn.png").write_bytes((data / "blue" / "2.png").read_bytes())
    return data


@pytest.fixture
def table(tmp_path):
    lines = ["path,label"]
    for number in range(16):
        for labels, colors in (("red", [0]), ("blue", [2]), ("red|blue", [0, 2]), ("green", [1])):
            path = tmp_path / "files" / f"{'-'.join(map(str, colors))}-{number}.png"
            draw(path, *colors)
            lines.append(f"{path.relative_to(tmp_path)},{labels}")
    file = tmp_path / "labels.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_check_names_every_fault_and_trains_nothing(folder):
    # Where the model is to go does not matter yet.
    done = run("train", folder, "--check", "--json", "--max-unusable", 0.5, "--out", folder)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["images"] == {"train": 22, "test": 5}
    assert [Path(entry["image"]).name for entry in found["unreadable"]] == ["bad.png"]
    assert {entry["label"] for entry in found["conflicts"][0]} == {"red", "blue"}
    assert len(found["copies"] + found["crossing"]) == 1
    for name in ("bad.png", "copy.png", "torn.png"):
        assert name in done.stderr
    assert not (folder / "model.json").exists()


def test_too_many_faults_are_refused(folder):
    done = run("train", folder, "--check")
    assert done.returncode == 1
    assert "3 of 27 images" in done.stderr
    assert "--max-unusable" in done.stderr


def test_training_leaves_out_what_can_not_be_used_and_evaluates_the_rest(folder, tmp_path):
    options = ("--cache", tmp_path / "cache", "--json")
    model = tmp_path / "model"
    done = run(
        "train", folder, "--method", "itq", "--bits", 16, "--out", model, "--max-unusable", 0.5,
        "--no-report", *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    again = run("evaluate", model, folder, *options)
    assert again.returncode == 0, again.stderr
    evaluated = json.loads(again.stdout)
    assert trained["queries"] + trained["database"] == 24 - 1
    assert evaluated["precision_at_5"] == trained["precision_at_5"]
    assert "torn.png" in again.stderr


def test_images_of_several_labels_are_trained_on_and_shared_labels_count(table, tmp_path):
    pytest.importorskip("torch")
    options = ("--cache", tmp_path / "cache")
    refused = run("train", table, "--method", "splh", "--out", tmp_path / "no", *options)
    assert refused.returncode == 1
    assert "The methods that take several labels are: dlbhc, autoencoder" in refused.stderr
    assert not (tmp_path / "cache").exists()
    done = run(
        "train", table, "--method", "codebook", "--bits", 16, "--epochs", 4, "--out",
        tmp_path / "model", "--json", *options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "images with several labels: 16" in done.stderr
    assert json.loads(done.stdout)["precision_at_5"] > 0.9


def test_a_place_that_is_taken_is_refused_before_the_work(folder, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    done = run("train", folder, "--out", tmp_path / "taken", "--cache", tmp_path / "cache")
    assert done.returncode == 2
    assert "is not a model directory" in done.stderr
    assert not (tmp_path / "cache").exists()


def test_a_protocol_that_the_data_does_not_bear_is_refused_before_the_work(folder, tmp_path):
    cache = tmp_path / "cache"
    for protocol, message in (
        ("sealed", "must be one of standard, heldout, unseen"),
        ("unseen", "Expected at least 4 classes"),
        ("heldout", "leaves 4 images"),
    ):
        done = run("train", folder, "--protocol", protocol, "--out", tmp_path / "m",
                   "--cache", cache)  # fmt: skip
        assert done.returncode in (1, 2)
        assert message in done.stderr
        done = run("evaluate", "default", folder, "--protocol", protocol, "--cache", cache)
        assert done.returncode in (1, 2)
        assert message in done.stderr
    assert not cache.exists()


def test_a_model_that_can_not_be_measured_is_saved(tmp_path):
    data, model = tmp_path / "data", tmp_path / "m"
    for part, count in (("train", 4), ("test", 2)):
        for number in range(count):
            draw(data / part / "red" / f"{number}.png", 0)
            draw(data / part / "blue" / f"{number}.png", 2)
    # Only when they are described do these turn out to be no images: four are left, k is five.
    for number in range(2):
        for label in ("red", "blue"):
            (data / "train" / label / f"{number}.png").write_bytes(f"{label} {number}".encode())
    done = run("train", data, "--method", "lsh", "--bits", 16, "--max-unusable", 0.5,
               "--out", model, "--cache", tmp_path / "cache")  # fmt: skip
    assert done.returncode != 0
    assert f"saved {model}; measuring it" in done.stderr
    assert "the 4 items of the database" in done.stderr
    assert "Traceback" not in done.stderr
    assert load_model(model).training.images == 4


def test_many_unreadable_images_are_counted_and_the_command_that_names_them_named(folder, tmp_path):
    for number in range(25):
        (folder / "red" / f"bad-{number}.png").write_bytes(f"no picture {number}".encode())
    done = run("train", folder, "--method", "lsh", "--bits", 16, "--max-unusable", 0.9,
               "--out", tmp_path / "m", "--cache", tmp_path / "cache")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "skipped 6 more; `hashlens train DATA --check --json` lists them all" in done.stderr
    check = run("train", folder, "--check", "--json", "--max-unusable", 0.9)
    assert len(json.loads(check.stdout)["unreadable"]) == 26
