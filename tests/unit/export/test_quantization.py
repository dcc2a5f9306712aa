"""The int8 form of a model, and whether what it says of its loss is so."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from export_models import SIZE, photograph_tiles, pooling_model

from hashlens.errors import DataError
from hashlens.export import export_int8_model
from hashlens.export.quantization import overlap_at_5

pytest.importorskip("onnx")


def test_reported_loss_is_that_of_the_file(tmp_path):
    import onnxruntime

    # Projections of LSH crowd around zero, where those of ITQ are pushed away: some bits turn.
    model = pooling_model(tmp_path, "lsh")
    images = photograph_tiles(SIZE, 45)
    report = export_int8_model(model, tmp_path / "int8.onnx", images)
    session = onnxruntime.InferenceSession(tmp_path / "int8.onnx")
    measured = images[1::2]
    found = session.run(["codes"], {"pixels": measured})[0]
    expected, _ = model.encode_pixels(measured)
    assert report.measured_images == len(measured)
    assert report.differing_bits == pytest.approx(np.bitwise_count(found ^ expected).mean() / 8)
    assert 0 < report.differing_bits < 0.1
    assert 0 < report.overlap_at_5 < 1
    assert report.overlap_at_5 == overlap_at_5(expected, found)
    properties = session.get_modelmeta().custom_metadata_map
    stated = json.loads(properties["quantization"])
    assert stated == {"scheme": "int8, static, QDQ", **asdict(report)}
    assert properties["model_digest"].startswith(f"{model.digest}-int8-")


def test_too_few_images(tmp_path):
    model = pooling_model(tmp_path)
    with pytest.raises(DataError, match="at least 20 images"):
        export_int8_model(model, tmp_path / "int8.onnx", photograph_tiles(SIZE, 45)[:19])
    assert not (tmp_path / "int8.onnx").exists()


def test_overlap_counts_shared_neighbors():
    codes = np.packbits(np.tril(np.ones((16, 16), bool)), axis=1)
    assert overlap_at_5(codes, codes) == 1
    assert overlap_at_5(codes, codes[np.random.default_rng(0).permutation(16)]) < 1
