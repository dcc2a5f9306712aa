"""An exported model gives the codes of the model, for every method and normalization."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from export_models import SIZE, photograph_tiles, pooling_model
from method_cases import each_method

import hashlens
from hashlens.errors import HashlensError, MissingExtraError, ParameterError
from hashlens.export import export_model
from hashlens.export import onnx_model as exporting
from hashlens.model.loading import load_model
from hashlens.model.model import Model

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def exported_codes(path: Path, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["codes"], {"pixels": pixels})[0]


def assert_same_codes(model: Model, folder: Path, pixels: np.ndarray) -> None:
    export_model(model, folder / "model.onnx")
    expected, _ = model.encode_pixels(pixels)
    found = exported_codes(folder / "model.onnx", pixels)
    assert found.dtype == np.uint8
    assert len(np.unique(expected, axis=0)) > 20
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", each_method())
def test_codes_of_every_method(method, tmp_path):
    assert_same_codes(pooling_model(tmp_path, method), tmp_path, photograph_tiles(SIZE, 23))


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("kmh", {"bits_per_subspace": 2}),
        ("kmh", {"bits_per_subspace": 8}),
        pytest.param("codebook", {"hidden": 0}, marks=pytest.mark.torch),
        pytest.param(
            "autoencoder",
            {"architecture": {"descriptor_units": 32, "join_trunk": True}},
            marks=pytest.mark.torch,
        ),
    ],
)
def test_variants_of_methods(method, params, tmp_path):
    model = pooling_model(tmp_path, method, **params)
    assert_same_codes(model, tmp_path, photograph_tiles(SIZE, 31))


@pytest.mark.parametrize("normalization", ["none", "sigmoid"])
def test_other_normalizations(normalization, tmp_path):
    model = pooling_model(tmp_path, normalization=normalization)
    assert_same_codes(model, tmp_path, photograph_tiles(SIZE, 31))


def test_network_of_an_older_opset(tmp_path):
    assert_same_codes(pooling_model(tmp_path, opset=11), tmp_path, photograph_tiles(SIZE, 31))


def test_bundled_model_on_photographs(tmp_path):
    assert_same_codes(load_model(), tmp_path, photograph_tiles(224, 80)[:40])


def test_black_image_and_empty_batch(tmp_path):
    model = pooling_model(tmp_path)
    export_model(model, tmp_path / "model.onnx")
    black = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    found = exported_codes(tmp_path / "model.onnx", black)
    np.testing.assert_array_equal(found, model.encode_pixels(black)[0])
    assert exported_codes(tmp_path / "model.onnx", black[:0]).shape == (0, 4)


def test_metadata(tmp_path):
    model = pooling_model(tmp_path)
    export_model(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["bits"] == "32"
    assert properties["model_digest"] == model.digest
    assert properties["method"] == "itq"
    assert properties["descriptor"] == "pooling"
    assert properties["license"] == "CC0-1.0"
    assert properties["hashlens_version"] == hashlens.__version__
    assert "most significant bit of byte 0" in properties["bit_order"]
    preprocessing = json.loads(properties["preprocessing"])
    assert preprocessing["size"] == SIZE
    assert preprocessing["fit"] == "squash"
    assert preprocessing["interpolation"] == "bicubic"


def test_unknown_method_is_named(tmp_path, monkeypatch):
    from hashlens.export import projections

    model = pooling_model(tmp_path)
    monkeypatch.delitem(projections.PROJECTIONS, "itq")
    with pytest.raises(ParameterError, match="'itq' can't be exported"):
        export_model(model, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_wrong_codes_are_not_written(tmp_path, monkeypatch):
    model = pooling_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"what was there")
    monkeypatch.setattr(exporting, "_standardize", lambda graph, spec: graph.apply(
        "Transpose", graph.to_float("pixels"), perm=[0, 3, 1, 2]
    ))  # fmt: skip
    with pytest.raises(HashlensError, match="bits differ. Nothing was written"):
        export_model(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"what was there"


def test_missing_onnx_names_the_command(tmp_path, monkeypatch):
    model = pooling_model(tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"hashlens\[train\]"):
        export_model(model, tmp_path / "model.onnx")


def test_a_folder_is_not_overwritten(tmp_path):
    model = pooling_model(tmp_path)
    (tmp_path / "model.onnx").mkdir()
    with pytest.raises(ParameterError, match="not a file"):
        export_model(model, tmp_path / "model.onnx")
    with pytest.raises(ParameterError, match="no folder"):
        export_model(model, tmp_path / "nowhere" / "model.onnx")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to write to")
def test_full_disk_is_named(tmp_path, monkeypatch):
    model = pooling_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"what was there")
    monkeypatch.setattr(
        exporting, "save_model", lambda model, path: Path("/dev/full").write_bytes(b"model")
    )
    with pytest.raises(HashlensError, match="Free some space"):
        export_model(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == b"what was there"
    assert not list(tmp_path.glob(".model*"))
