"""The int8 form of a model, and whether what it says of its loss is so."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from export_models import SIZE, photograph_tiles, pooling_encoder

from hashlens.errors import DataError
from hashlens.export import export_int8_model
from hashlens.export.quantise import top5_overlap

pytest.importorskip("onnx")


def test_reported_loss_is_that_of_the_file(tmp_path):
    import onnxruntime

    # Projections of LSH crowd around zero, where those of ITQ are pushed away: some bits turn.
    encoder = pooling_encoder(tmp_path, "lsh")
    images = photograph_tiles(SIZE, 45)
    report = export_int8_model(encoder, tmp_path / "int8.onnx", images)
    session = onnxruntime.InferenceSession(tmp_path / "int8.onnx")
    measured = images[1::2]
    found = session.run(["codes"], {"pixels": measured})[0]
    expected, _ = encoder.encode_pixels(measured)
    assert report.measured_images == len(measured)
    assert report.differing_bits == pytest.approx(np.bitwise_count(found ^ expected).mean() / 8)
    assert 0 < report.differing_bits < 0.1
    assert 0 < report.top5_overlap < 1
    assert report.top5_overlap == top5_overlap(expected, found)
    properties = session.get_modelmeta().custom_metadata_map
    stated = json.loads(properties["quantisation"])
    assert stated == {"scheme": "int8, static, QDQ", **asdict(report)}
    assert properties["model_digest"].startswith(f"{encoder.digest}-int8-")


def test_too_few_images(tmp_path):
    encoder = pooling_encoder(tmp_path)
    with pytest.raises(DataError, match="at least 20 images"):
        export_int8_model(encoder, tmp_path / "int8.onnx", photograph_tiles(SIZE, 45)[:19])
    assert not (tmp_path / "int8.onnx").exists()


def test_overlap_counts_shared_neighbours():
    codes = np.packbits(np.tril(np.ones((16, 16), bool)), axis=1)
    assert top5_overlap(codes, codes) == 1
    assert top5_overlap(codes, codes[np.random.default_rng(0).permutation(16)]) < 1
