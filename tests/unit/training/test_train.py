"""The front door of training: which options fit together, and what a training leaves behind."""

import logging

import numpy as np
import pytest
from PIL import Image

from hashlens.datasets.described import describe_dataset
from hashlens.datasets.opening import load_dataset
from hashlens.descriptors import Descriptor
from hashlens.descriptors.default import default_spec
from hashlens.errors import DataError, ParameterError
from hashlens.model.loading import load_model
from hashlens.training.method import method_parameters
from hashlens.training.train import train


def draw(path, label, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([label, number])
    pixels = rng.integers(0, 120, (32, 32, 3)).astype(np.uint8)
    pixels[..., label] += 120
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos") / "data"
    for label, name in enumerate(("red", "green", "blue")):
        for number in range(15):
            draw(root / name / f"{number}.png", label, number)
    (root / "red" / "bad.png").write_bytes(b"no image")
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def test_a_model_is_trained_measured_saved_and_reported(folder, cache, tmp_path):
    messages, steps = [], set()
    model = train(
        folder, "itq", 16, out=tmp_path / "m", report=True, command="made here", cache=cache,
        on_message=messages.append, on_progress=lambda step, done, total: steps.add(step),
    )  # fmt: skip
    assert model.metrics["precision_at_5"] > 0.9
    assert model.evaluate(folder, cache=cache) == model.metrics
    assert (model.bits, model.hasher.name) == (16, "itq")
    saved = load_model(tmp_path / "m")
    assert (saved.digest, saved.metrics) == (model.digest, model.metrics)
    assert "made here" in (tmp_path / "m" / "report.json").read_text()
    assert "(report.html)" in (tmp_path / "m" / "MODEL_CARD.md").read_text()
    assert messages[0].startswith("46 images of 3 classes")
    assert any(line.startswith(f"skipped {folder / 'red' / 'bad.png'}: ") for line in messages)
    assert f"saved {tmp_path / 'm'}; measuring it" in messages
    assert {"check train", "check test", "train", "test"} <= steps


def test_without_out_nothing_but_the_cache_is_written(folder, cache, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, "hashlens"):
        model = train(load_dataset(folder), "itq", 16, cache=cache)
    assert model.metrics["bits"] == 16
    assert not list(tmp_path.iterdir())
    assert "46 images of 3 classes" in caplog.text


def test_a_tilde_is_the_users_home(folder, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    model = train(folder, "lsh", 16, out="~/m", cache="~/cache")
    model.calibrate(folder, cache="~/cache")
    model.save_calibration("~/m")
    assert load_model("~/m").calibration is not None
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["cache", "m"]
    assert not list((tmp_path / "work").iterdir())


def test_described_data_is_trained_on_as_it_is(folder, cache):
    network = MeanColor()
    data = describe_dataset(load_dataset(folder), network, cache)
    with pytest.raises(ParameterError, match="brings its descriptor"):
        train(data, "itq", 8, descriptor="default")


def test_a_descriptor_that_no_model_can_hold_is_refused_before_images_are_described(
    folder, cache, tmp_path
):
    with pytest.raises(ParameterError, match="MeanColor can't be exported"):
        train(folder, "itq", 8, descriptor=MeanColor(), cache=tmp_path / "unused")
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 3}, "'itq' takes no 'epochs'"),
        ({"learning_rate": 0.1}, "'itq' takes no 'learning_rate'"),
        ({"preset": "paper"}, "'itq' takes no 'preset'"),
        ({"parameters": {"turns": 3}}, "no parameter 'turns'"),
        ({"bits": 12}, "multiple of 8"),
        ({"method": "itqq"}, "did you mean 'itq'"),
        ({"tune": "some"}, "'head', 'last' or 'all'"),
        ({"tune_blocks": 2}, "'tune_blocks' applies only"),
        ({"tune_blocks": 2, "tune": "all", "method": "codebook"}, "'tune_blocks' applies only"),
        ({"device": "cpu"}, "'device' applies only"),
        ({"report": True}, "'report' needs 'out'"),
        ({"protocol": "sealed"}, "standard, heldout, unseen"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_work(folder, tmp_path, options, message):
    arguments = {"method": "itq", "bits": 16, "cache": tmp_path / "cache"} | options
    with pytest.raises(ParameterError, match=message):
        train(folder, **arguments)
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_holds_something_else_is_refused_before_the_work(folder, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match="not a model directory"):
        train(folder, "itq", 16, out=tmp_path, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_too_many_unusable_images_are_refused(folder, cache):
    with pytest.raises(DataError, match="1 of 46 images"):
        train(folder, "itq", 16, max_unusable=0, cache=cache)


def test_options_become_parameters_of_the_method():
    assert method_parameters("itq", seed=3) == {"random_state": 3}
    assert method_parameters(
        "autoencoder", preset="paper", epochs=2, parameters={"schedule": {"patience": 1}}
    ) == {"random_state": 0, "preset": "paper", "schedule": {"patience": 1, "epochs": 2}}


def test_a_report_that_can_not_be_written_costs_the_report_alone(
    folder, cache, tmp_path, monkeypatch
):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hashlens.report.write_report", full)
    messages = []
    train(folder, "itq", 16, out=tmp_path / "m", report=True, cache=cache,
          on_message=messages.append)  # fmt: skip
    assert "report could not be written: [Errno 28] No space left" in messages[-1]
    assert load_model(tmp_path / "m").metrics["bits"] == 16


def test_a_report_does_not_outlive_its_training(folder, cache, tmp_path):
    models = [
        train(folder, "itq", 16, out=tmp_path / "m", report=report, cache=cache)
        for report in (True, False)
    ]
    assert models[0].digest == models[1].digest
    assert not list((tmp_path / "m").glob("report.*"))
    assert "report.html" not in (tmp_path / "m" / "MODEL_CARD.md").read_text()


def test_a_failure_to_measure_does_not_cost_the_training(folder, cache, tmp_path, monkeypatch):
    def fails(*arguments):
        raise DataError("too few")

    monkeypatch.setattr("hashlens.training.job.search_split", fails)
    with pytest.raises(DataError, match="too few"):
        train(folder, "itq", 16, out=tmp_path / "m", cache=cache)
    assert load_model(tmp_path / "m").bits == 16


class MeanColor(Descriptor):
    spec = default_spec().__class__.from_dict(
        default_spec().to_dict() | {"dimension": 3, "name": "mean color"}
    )

    def run(self, inputs):
        return inputs.mean(axis=(2, 3))
