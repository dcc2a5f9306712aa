"""Export by suffix: what can be written from what, and from which images."""

from __future__ import annotations

import numpy as np
import pytest
from export_models import pooling_model
from PIL import Image
from pixel_model import pixel_model

from hashlens.collection import Collection
from hashlens.errors import DataError, ParameterError
from hashlens.export import export
from hashlens.export.outputs import CALIBRATION_IMAGES, calibration_images
from hashlens.images import Fit
from hashlens.model.loading import load_model

BITS = 16


def draw(folder, count):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        blocks = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((24, 24)).save(folder / f"{number:03}.png")
    return folder


@pytest.fixture
def photos(tmp_path):
    return draw(tmp_path / "photos", 30)


@pytest.fixture
def collection(photos, tmp_path):
    with Collection.create(tmp_path / "mine", pixel_model(BITS)) as made:
        made.index([photos])
    return tmp_path / "mine"


@pytest.fixture
def model(tmp_path):
    """A model directory with a network of its own."""
    pytest.importorskip("onnx")
    pooling_model(tmp_path).save(tmp_path / "model")
    return tmp_path / "model"


def test_tables_hold_the_codes_of_a_collection(collection, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    faiss = pytest.importorskip("faiss")
    outputs = [tmp_path / "codes.parquet", tmp_path / "codes.faiss"]
    written = export(collection, outputs)
    assert [(one.path, one.bits, one.images) for one in written] == [
        (outputs[0], BITS, 30),
        (outputs[1], BITS, 30),
    ]
    assert parquet.read_table(outputs[0]).num_rows == 30
    assert faiss.read_index_binary(str(outputs[1])).ntotal == 30


def test_a_model_is_one_file(model, tmp_path):
    (written,) = export(model, [tmp_path / "model.onnx"])
    assert (written.images, written.quantization) == (None, None)
    assert written.model == load_model(model).digest
    assert written.path.stat().st_size > 0


def test_int8_is_measured_on_images_and_names_those_it_could_not_read(model, photos, tmp_path):
    (photos / "bad.png").write_bytes(b"no picture")
    (written,) = export(model, [tmp_path / "int8.onnx"], calibration=photos)
    assert (written.quantization.calibration_images, written.quantization.measured_images) == (
        15,
        15,
    )
    assert [path for path, _ in written.unreadable] == [str(photos / "bad.png")]


def test_calibration_images_are_chosen_evenly(tmp_path):
    folder = draw(tmp_path / "many", CALIBRATION_IMAGES + 4)
    pixels, unreadable = calibration_images(folder, Fit(8))
    assert pixels.shape == (CALIBRATION_IMAGES // 2 + 2, 8, 8, 3)
    assert unreadable == []


def test_a_calibration_folder_without_images_is_refused(model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no readable images"):
        export(model, [tmp_path / "int8.onnx"], calibration=tmp_path / "empty")
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (["codes.csv"], r"Got '\.csv' instead"),
        (["codes"], "Got 'no suffix' instead"),
        (["codes.parquet", "model.onnx"], "model is not a collection"),
        (["codes.onnx", "codes.faiss"], "model is not a collection"),
    ],
)
def test_what_a_model_is_not_exported_to(outputs, message, model, tmp_path):
    with pytest.raises(ParameterError, match=message):
        export(model, [tmp_path / name for name in outputs])
    assert not [name for name in outputs if (tmp_path / name).exists()]


def test_calibration_images_need_a_model_to_quantize(collection, photos, tmp_path):
    with pytest.raises(ParameterError, match=r"name an output \.onnx"):
        export(collection, [tmp_path / "codes.parquet"], calibration=photos)
    assert not (tmp_path / "codes.parquet").exists()
