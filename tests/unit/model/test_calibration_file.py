"""A calibration stays with its model, is refused where damaged, and is shown on the model card."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hashlens.descriptors.default import default_spec
from hashlens.errors import FormatError
from hashlens.evaluation import DistanceHistograms
from hashlens.evaluation.calibration import calibrate
from hashlens.hashers import create_hasher
from hashlens.model.calibration_file import CALIBRATION_FILE, ModelCalibration
from hashlens.model.card import CARD_FILE
from hashlens.model.loading import DEFAULT_MODEL, load_model
from hashlens.model.model import Model
from hashlens.model.training_record import TrainingRecord

X = np.random.default_rng(0).standard_normal((20, 1280)).astype(np.float32)


@pytest.fixture
def model() -> Model:
    training = TrainingRecord("lsh", "shoes|boots", protocol="heldout", split_seed=7, images=1234)
    made = Model(create_hasher("lsh", 8).fit(X), default_spec(), training=training)
    pairs = calibrate(DistanceHistograms([[0, 9, 1], [0, 9, 1]], [[0, 9, 0], [0, 9, 1]]))
    made.calibration = ModelCalibration(made.digest, pairs, "shoes", "abc", "2 test images")
    return made


def test_a_saved_calibration_is_read_again(model, tmp_path):
    model.save(tmp_path / "model")
    assert load_model(tmp_path / "model").calibration == model.calibration


def test_another_model_does_not_inherit_the_calibration(model, tmp_path):
    other = replace(model, hasher=create_hasher("lsh", 8, random_state=1).fit(X))
    other.save(tmp_path / "model")
    assert load_model(tmp_path / "model").calibration is None
    assert "not calibrated" in (tmp_path / "model" / CARD_FILE).read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "boots"}, "damaged"),
        ({"format_version": 2}, "format version 2; this hashlens reads up to 1"),
        ({"format_version": None}, "states no format version"),
    ],
)
def test_a_changed_calibration_is_refused(model, tmp_path, change, message):
    model.save(tmp_path / "model")
    path = tmp_path / "model" / CALIBRATION_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FormatError, match=message):
        load_model(tmp_path / "model")


def test_the_calibration_of_another_model_does_not_count(model, tmp_path):
    model.save(tmp_path / "one")
    other = replace(model, hasher=create_hasher("lsh", 8, random_state=1).fit(X))
    other.save(tmp_path / "other")
    (tmp_path / "one" / CALIBRATION_FILE).rename(tmp_path / "other" / CALIBRATION_FILE)
    assert load_model(tmp_path / "other").calibration is None


def test_the_card_says_what_the_model_knows(model, tmp_path):
    model.metrics = {
        "precision_at_5": 0.75,
        "precision_at_5_low": 0.7,
        "precision_at_5_high": 0.8,
        "map": 0.5,
    }
    model.save(tmp_path / "model")
    card = (tmp_path / "model" / CARD_FILE).read_text(encoding="utf-8")
    assert card == load_model(tmp_path / "model").card().markdown()
    for expected in (
        "| data | shoes\\|boots |",
        "| seed of the split | 7 |",
        "| seed of the method | 0 |",
        "| images trained on | 1,234 |",
        "75.00 % (worst order of ties 70.00 %, best 80.00 %)",
        "Apache-2.0",
        model.digest,
        "| 90 % | 2 | 95.00 %",
        "| 99 % | 1 | 100.00 %",
        "## Limits",
    ):
        assert expected in card


def test_the_bundled_model_has_its_card():
    card = (DEFAULT_MODEL / CARD_FILE).read_text(encoding="utf-8")
    assert card == load_model(DEFAULT_MODEL).card().markdown()
