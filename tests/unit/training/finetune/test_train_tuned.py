"""`hashlens.train` with a network that is tuned: its rules, its checkpoint, its network's file."""

import gc

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
pytest.importorskip("onnxscript")

from small_network import SIZE, SmallNetwork

from hashlens.datasets.described import DescribedDataset, DescribedImages
from hashlens.errors import DataError, ParameterError
from hashlens.model.loading import load_model
from hashlens.training.finetune.tunable import create_tunable
from hashlens.training.train import train

PARAMETERS = {"schedule": {"batch_size": 16, "patience": 2}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiles") / "data"
    for label, name in enumerate(("red", "green", "blue")):
        (root / name).mkdir(parents=True)
        for number in range(15):
            rng = np.random.default_rng([label, number])
            pixels = rng.integers(0, 120, (SIZE, SIZE, 3)).astype(np.uint8)
            pixels[..., label] += 120
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def tune(folder, tmp_path, **options):
    common = {"epochs": 2, "tune": "last", "tune_blocks": 1, "device": "cpu"}
    common |= {"parameters": PARAMETERS, "descriptor": SmallNetwork(), "cache": tmp_path / "cache"}
    return train(folder, "codebook", 16, **(common | options))


def test_the_saved_model_is_the_returned_one_and_needs_no_work_folder(folder, tmp_path):
    model = tune(folder, tmp_path, out=tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "model"]
    assert model.network.parent == (tmp_path / "model")
    model.save(tmp_path / "again")
    saved, again = (load_model(tmp_path / name) for name in ("model", "again"))
    assert saved.digest == again.digest == model.digest
    assert saved.metrics["precision_at_5"] > 0.8
    pixels = np.random.default_rng(2).integers(0, 256, (5, SIZE, SIZE, 3)).astype(np.uint8)
    np.testing.assert_array_equal(again.encode_pixels(pixels)[0], model.encode_pixels(pixels)[0])


def test_a_model_that_is_only_returned_can_be_saved_and_leaves_nothing_behind(folder, tmp_path):
    model = tune(folder, tmp_path)
    network = model.network
    model.save(tmp_path / "model")
    assert load_model(tmp_path / "model").digest == model.digest
    assert network.is_file()
    del model
    gc.collect()
    assert not network.parent.exists()


def test_a_call_that_was_interrupted_is_resumed_when_it_is_repeated(folder, tmp_path):
    class StoppedError(Exception):
        pass

    def interrupt(epoch):
        if epoch.number == 1:
            raise StoppedError

    expected = tune(folder, tmp_path)
    with pytest.raises(StoppedError):
        tune(folder, tmp_path, out=tmp_path / "model", on_epoch=interrupt)
    assert (tmp_path / ".model.training" / "checkpoint.pt").is_file()
    messages, epochs = [], []
    model = tune(folder, tmp_path, out=tmp_path / "model", on_message=messages.append,
                 on_epoch=lambda epoch: epochs.append(epoch.number))  # fmt: skip
    assert epochs == [2]
    assert "resuming an interrupted fine-tuning" in messages
    assert model.digest == expected.digest
    assert not (tmp_path / ".model.training").exists()


def test_no_hidden_layer_lies_between_a_tuned_network_and_its_code_unless_asked_for():
    assert create_tunable("codebook", 16).hidden == 0
    assert create_tunable("codebook", 16, hidden=8).hidden == 8
    assert "hidden" not in create_tunable("autoencoder", 16).get_params()


def test_a_method_without_a_tunable_head_is_refused_before_the_work(folder, tmp_path):
    with pytest.raises(ParameterError, match="Got 'itq' instead"):
        train(folder, "itq", 16, tune="last", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_described_data_without_images_is_refused():
    labels = np.arange(20) % 2
    part = DescribedImages(np.zeros((20, 16), np.float32), labels, [], "digest")
    data = DescribedDataset(part, part, ("a", "b"), "made", SmallNetwork())
    with pytest.raises(DataError, match="comes without them"):
        train(data, "codebook", 16, tune="all")
