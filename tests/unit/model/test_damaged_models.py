"""Damaged model directories load and encode rightly, or raise our errors: never anything else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import damaged_models
import numpy as np
import pytest
from linear_network import DIMENSION, make_network

from hashlens.evaluation.calibration import Calibration
from hashlens.hashers import create_hasher
from hashlens.model import Model, ModelCalibration

FORMER = Path(__file__).parents[2] / "data" / "former"
BITS = 16


@pytest.fixture
def models(tmp_path) -> Path:
    """Three models: one of this version with a calibration, and two of version 1."""
    folder = tmp_path / "models"
    network = tmp_path / "network.onnx"
    spec = replace(make_network(network), weights_sha256="5" * 64)
    vectors = np.random.default_rng(1).standard_normal((60, DIMENSION)).astype(np.float32)
    model = Model(create_hasher("lsh", BITS).fit(vectors), spec, network=network)
    curve = tuple([0.5] * (BITS + 1))
    pairs = Calibration(*[curve] * 6, 0.1, 9, 9, True, 0.95, 100, 0)
    model.calibration = ModelCalibration(model.digest, pairs, "these", "6" * 64, "some images")
    model.save(folder / "present")
    shutil.copytree(FORMER / "model-v1-splh", folder / "splh")
    shutil.copytree(FORMER / "collection-v1" / "model", folder / "kmh")
    return folder


def counts_of(models: Path, seed: int, count: int, seconds: float) -> dict:
    command = [sys.executable, damaged_models.__file__, str(seed), str(count), str(models)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def check(counts: dict, count: int) -> None:
    assert counts.pop("problems") == []
    assert set(counts) <= {"refused", "right", "another"}
    assert sum(counts.values()) == count
    assert counts["refused"] > 0.4 * count
    assert counts["right"] > 0.05 * count  # as where only what people read was changed


def test_2000_damaged_models(models):
    check(counts_of(models, 0, 2000, 120), 2000)


@pytest.mark.slow
def test_20000_damaged_models(models):
    check(counts_of(models, 1, 20_000, 1200), 20_000)
