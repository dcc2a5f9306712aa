"""`Model.encode` takes images in every form, and leaves none out in silence."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from pixel_model import pixel_model

from hashlens.errors import DataError, ImageError, ParameterError

MODEL = pixel_model(bits=32)
ARRAYS = list(np.random.default_rng(0).integers(0, 256, (9, 20, 30, 3), dtype=np.uint8))


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    return MODEL.encode(ARRAYS)


def test_every_form_of_an_image_has_the_same_code(expected, tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(png(ARRAYS[0]))
    forms = [path, str(path), png(ARRAYS[0]), ARRAYS[0], Image.fromarray(ARRAYS[0])]
    np.testing.assert_array_equal(MODEL.encode(forms), expected[[0] * len(forms)])


@pytest.mark.parametrize("batch_size", [1, 4, 9, 64])
def test_batches_do_not_change_codes(expected, batch_size):
    np.testing.assert_array_equal(MODEL.encode(iter(ARRAYS), batch_size=batch_size), expected)


def test_descriptors_are_those_that_the_codes_stand_for(expected):
    vectors = MODEL.describe(ARRAYS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (9, MODEL.descriptor_dim))
    np.testing.assert_array_equal(MODEL.hasher.transform(vectors), expected)


def test_no_images_have_no_codes():
    assert MODEL.encode([]).shape == (0, 4)
    assert MODEL.describe([]).shape == (0, MODEL.descriptor_dim)


def test_an_iterator_is_drawn_from_only_as_far_as_needed():
    drawn = []

    def images():
        for index in range(1000):
            drawn.append(index)
            yield ARRAYS[0] if index != 100 else b"damaged"

    with pytest.raises(ImageError, match="7 bytes: not an image"):
        MODEL.encode(images(), batch_size=8)
    assert len(drawn) < 300


def test_unreadable_images_are_raised_skipped_with_a_warning_or_handed_over(expected, tmp_path):
    images = [ARRAYS[0], b"damaged", ARRAYS[1], tmp_path / "missing.png"]
    with pytest.raises(ImageError, match="7 bytes: not an image"):
        MODEL.encode(images)
    with pytest.warns(UserWarning, match="2 of 4 images can't be read and were left out.*7 bytes"):
        codes = MODEL.encode(images, on_error="skip")
    np.testing.assert_array_equal(codes, expected[:2])
    told: list[tuple[int, str]] = []
    codes = MODEL.encode(images, on_error=lambda index, error: told.append((index, str(error))))
    np.testing.assert_array_equal(codes, expected[:2])
    assert [index for index, _ in told] == [1, 3]
    assert "missing.png: can't be read" in told[1][1]


def test_progress_ends_at_the_number_of_images():
    calls = []
    MODEL.encode(ARRAYS, batch_size=4, on_progress=lambda *call: calls.append(call))
    assert calls == [("encode", 4, 9), ("encode", 8, 9), ("encode", 9, 9)]


@pytest.mark.parametrize("single", ["a.jpg", b"bytes", ARRAYS[0], Image.new("RGB", (8, 8))])
def test_a_single_image_is_refused_with_a_hint(single):
    with pytest.raises(DataError, match=r"put it into a list, \[image\]"):
        MODEL.encode(single)


@pytest.mark.parametrize("wrong", [{"on_error": "ignore"}, {"batch_size": 0}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        MODEL.encode(ARRAYS, **wrong)


def test_what_is_no_image_is_named():
    with pytest.raises(ImageError, match=r"\(2, 2\).*uint8 array of shape"):
        MODEL.encode([np.zeros((2, 2))])
    with pytest.raises(ImageError, match=r"must be a path, .* Got NoneType instead"):
        MODEL.encode([None])
