"""`hashlens train` and its report, from folders, a table and parquet, in a process of its own."""

from __future__ import annotations

import csv
import io
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
NAMES = ("<script>alert(1)<", "cups & saucers", "plain")


def run(*arguments) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [HASHLENS, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done


def picture(label: int, number: int) -> bytes:
    rng = np.random.default_rng(100 * label + number)
    colors = np.random.default_rng(label).integers(0, 256, (6, 6, 3))
    pixels = np.clip(colors + rng.normal(0, 50, (6, 6, 3)), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((64, 48), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data") / "photos"
    for label, name in enumerate(NAMES):
        (root / name).mkdir(parents=True)
        for number in range(10):
            (root / name / f"{number}.png").write_bytes(picture(label, number))
    (root / NAMES[0] / "torn <i>.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def table(folders) -> Path:
    path = folders.parent / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for image in sorted(folders.rglob("*.png")):
            writer.writerow([image.relative_to(folders.parent), image.parent.name])
    return path


@pytest.fixture(scope="module")
def parquet(tmp_path_factory) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    root = tmp_path_factory.mktemp("parquet")
    for part, numbers in (("train", range(8)), ("test", range(8, 10))):
        rows = [(label, number) for label in range(3) for number in numbers]
        images = [{"bytes": picture(*row), "path": None} for row in rows]
        pq.write_table(
            pa.table({"img": images, "label": [label for label, _ in rows]}),
            root / f"{part}.parquet",
        )
    return root


@pytest.mark.parametrize("kind", ["folders", "table", "parquet"])
def test_training_ends_with_a_report(kind, folders, request, tmp_path):
    data, model = request.getfixturevalue(kind), tmp_path / "model"
    done = run("train", data, "--method", "itq", "--bits", 16, "--out", model,
               "--cache", tmp_path / "cache")  # fmt: skip
    assert f"report      {model / 'report.html'}" in done.stdout.splitlines()
    page = (model / "report.html").read_text("utf-8")
    assert page.count("<img ") >= 6 * 6
    assert "data:image/jpeg;base64," in page
    assert "<script" not in page
    document = json.loads((model / "report.json").read_text())
    metrics = load_model(model).metrics
    assert document["searches"][0]["precision_at_5"] == metrics["precision_at_5"]
    assert document["searches"][0]["map"] == metrics["map"]
    assert document["settings"]["command"].startswith("hashlens train")
    assert document["speed"]["describe_seconds_per_image"] > 0
    assert document["size"]["bundled_network_file"] > 1_000_000
    if kind != "parquet":
        assert [one["image"] for one in document["data"]["check"]["unreadable"]] == [
            str(folders / NAMES[0] / "torn <i>.png")
        ]
        assert "torn &lt;i&gt;.png: not an image" in page
    names = {one["name"] for one in document["classes"]}
    assert names == ({"0", "1", "2"} if kind == "parquet" else set(NAMES))
    assert "(report.html)" in (model / "MODEL_CARD.md").read_text()


def test_a_method_with_epochs_has_curves_and_a_collection_no_report(folders, tmp_path):
    model, cache = tmp_path / "model", tmp_path / "cache"
    done = run("train", folders, "--method", "codebook", "--bits", 16, "--epochs", 2,
               "--out", model, "--cache", cache, "--json")  # fmt: skip
    answer = json.loads(done.stdout)
    assert answer["report"] == str(model / "report.html")
    document = json.loads((model / "report.json").read_text())
    assert document["learning"]["epochs"] == answer["training"]["epochs"]
    assert "<polyline" in (model / "report.html").read_text("utf-8")
    run("index", folders, "-c", tmp_path / "c", "--model", model)
    # The pictures of the training data do not travel with the model.
    assert "report.html" not in os.listdir(tmp_path / "c" / "model")
    assert "report.html" not in (tmp_path / "c" / "model" / "MODEL_CARD.md").read_text()


def test_a_report_can_be_left_out_and_does_not_outlive_its_model(folders, tmp_path):
    model = tmp_path / "model"
    wanted = ("train", folders, "--method", "lsh", "--bits", 16, "--out", model,
              "--cache", tmp_path / "cache")  # fmt: skip
    run(*wanted)
    assert (model / "report.html").is_file()
    answer = json.loads(run(*wanted, "--no-report", "--json").stdout)
    assert answer["report"] is None
    assert not list(model.glob("report.*"))
