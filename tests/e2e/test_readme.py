"""The README's examples, run in order by a user with a small home and small labeled data."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from document import Step, reader_environment, run_step, steps_of
from PIL import Image

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COLORS = {"bags": (200, 60, 40), "hats": (60, 170, 70), "shoes": (50, 80, 200)}

for package in ("torch", "onnx", "pyarrow", "faiss"):
    pytest.importorskip(package)


def draw(path: Path, color: tuple[int, int, int], seed: int) -> None:
    """Save a picture of blurred spots around a color."""
    noise = np.random.default_rng(seed).normal(0, 30, (6, 6, 3))
    spots = np.clip(noise + color, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(spots).resize((64, 64), Image.Resampling.BICUBIC).save(path)


def fill(folder: Path) -> None:
    """Create the files that the README's examples name."""
    for number, (name, color) in enumerate(COLORS.items()):
        for seed in range(30):
            draw(folder / "products" / name / f"{seed:02}.png", color, 100 * number + seed)
        for seed in range(30, 36):
            draw(folder / "catalog" / f"{name}-{seed}.png", color, 100 * number + seed)
            draw(folder / "home" / "Pictures" / f"{name}-{seed}.jpg", color, 100 * number + seed)
    draw(folder / "home" / "Pictures" / "screenshots" / "one.png", (240, 240, 240), 999)
    draw(folder / "holiday.jpg", COLORS["hats"], 500)
    draw(folder / "shoe.jpg", COLORS["shoes"], 501)


def runnable(step: Step) -> bool:
    """Return whether a block is about hashlens itself, not about building it."""
    return step.language == "python" or step.code.lstrip().startswith("hashlens ")


@pytest.mark.torch
def test_every_example_of_the_readme_runs(tmp_path):
    fill(tmp_path)
    environment = reader_environment(tmp_path / "home")
    steps = [step for step in steps_of(README) if runnable(step)]
    assert [step.language for step in steps].count("python") >= 3
    printed = [run_step(step, tmp_path, environment) for step in steps]
    assert any("19 added" in line for line in printed[0])
    for name in ("similar.png", "products-64.onnx", "shop.parquet", "shop.faiss"):
        assert (tmp_path / name).stat().st_size > 0
    for name in ("photos.hashlens", "shop.hashlens"):
        assert (tmp_path / name / "catalog.sqlite").is_file()


def test_blocks_that_are_not_run_call_targets_of_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = README.read_text("utf-8")
    left_out = [step for step in steps_of(README) if not runnable(step)]
    lines = [line.split() for step in left_out for line in step.code.splitlines()]
    assert {command for command, *_ in lines} == {"make"}
    assert {target for _, target, *_ in lines} <= targets
    assert set(re.findall(r"`make ([a-z]+)", text)) <= targets


def test_extras_that_it_names_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"'(?:\.|hashlens)\[([a-z,]+)\]'", README.read_text("utf-8"))
    assert named
    assert {extra for names in named for extra in names.split(",")} <= set(
        project["optional-dependencies"]
    )
