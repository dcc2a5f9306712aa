"""Models and collections that earlier versions wrote are read, under the names of this one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hashlens.collection import Collection
from hashlens.model import load_model

FORMER = Path(__file__).parents[2] / "data" / "former"
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(params=["model-v1-splh", "collection-v1/model"])
def folder(request, tmp_path) -> Path:
    return Path(shutil.copytree(FORMER / request.param, tmp_path / "model"))


def test_a_model_of_version_1_has_the_names_of_this_version(folder):
    manifest = json.loads((folder / "model.json").read_text())
    assert manifest["format_version"] == 1
    model = load_model(folder)
    assert model.digest == manifest["digest"]
    assert model.spec.normalization == manifest["descriptor"]["normalisation"]
    assert model.metrics["precision_at_5"] == 0.75
    assert (model.metrics["precision_at_5_low"], model.metrics["precision_at_5_high"]) == (0.5, 1.0)
    assert "top5" not in model.metrics
    assert model.training is not None
    assert (model.training.protocol, model.training.split_seed) == ("heldout", 3)
    assert model.training.details == {"tune": "head"}
    if model.hasher.name == "splh":
        assert model.hasher.get_params()["labeled"] == 32


def test_a_model_of_version_1_is_saved_as_this_version_with_its_digest_and_codes(folder, tmp_path):
    model = load_model(folder)
    codes = model.encode(list(PIXELS))
    model.save(tmp_path / "saved")
    manifest = json.loads((tmp_path / "saved" / "model.json").read_text())
    assert manifest["format_version"] == 3
    assert "normalization" in manifest["descriptor"]
    again = load_model(tmp_path / "saved")
    assert again.digest == model.digest
    np.testing.assert_array_equal(again.encode(list(PIXELS)), codes)


@pytest.mark.parametrize("write", [False, True])
def test_a_collection_of_version_1_is_searched(tmp_path, write):
    folder = shutil.copytree(FORMER / "collection-v1", tmp_path / "collection")
    with Collection.open(folder, write=write) as collection:
        assert collection.verify() == []
        assert len(collection) == 4
        assert [Path(path).name for path, _ in collection.failures()] == ["bad.png"]
        codes = collection._storage.record(0)[0][None]
        assert collection.model.encode([PIXELS[0]]).shape == codes.shape
        hits = collection.search(PIXELS[0], k=4)
        assert sorted(hit.label for hit in hits if hit.label) == ["0", "1", "2", "3"]
        assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)
