"""JPEGs that lack their end, and that are built to take long."""

import io
from functools import cache

import numpy as np
import pytest
from PIL import Image

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import Fit, decode_image

FIT = Fit(32)


@cache
def picture(width=640, height=480, mode="RGB"):
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 256 / width, y * 256 / height, 128 + 100 * np.sin(x / 21) * np.cos(y / 13)]
    pixels = np.stack(channels, axis=-1) + np.random.default_rng(0).normal(
        0, 20, (height, width, 3)
    )
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode)


def encoded(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def noted(data, fit=FIT):
    notes = []
    return decode_image(data, fit, notes.append), notes


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (64, 48), (2400, 1600)])
@pytest.mark.parametrize("missing", [40, 100])
def test_a_jpeg_without_its_last_bytes_is_read_and_said_to_be_truncated(
    mode, progressive, size, missing
):
    data = encoded(picture(*size, mode), progressive=progressive, quality=95)
    pixels, notes = noted(data[:-missing])
    (note,) = notes
    assert note.startswith("truncated")
    assert np.abs(pixels.astype(int) - decode_image(data, FIT)).mean() < 6


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(640, 480), (2400, 1600)])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_jpeg_that_lacks_half_is_not_read(progressive, size, share):
    data = encoded(picture(*size), progressive=progressive, quality=90)
    with pytest.raises(ImageError, match="truncated"):
        noted(data[: int(len(data) * share)])


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_marker_has_all_pixels(mode, progressive, missing):
    data = encoded(picture(mode=mode), progressive=progressive)
    pixels, notes = noted(data[:-missing])
    np.testing.assert_array_equal(pixels, decode_image(data, FIT))
    assert len(notes) <= 1


def test_a_whole_jpeg_has_no_note():
    assert noted(encoded(picture()))[1] == []


def test_what_follows_the_end_does_not_matter():
    data = encoded(picture())
    pixels, notes = noted(data + b"appended by a camera" * 100)
    np.testing.assert_array_equal(pixels, decode_image(data, FIT))
    assert notes == []


@pytest.mark.parametrize(("width", "scans"), [(64, 1000), (4000, 95)])
def test_many_empty_scans_are_refused(width, scans):
    data = encoded(Image.new("L", (width, width), 9), progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageUnavailableError, match=r"scans of"):
        decode_image(data[:-2] + last * scans + data[-2:], FIT)


def test_the_scans_of_an_ordinary_progressive_jpeg_are_few_enough():
    noise = np.random.default_rng(0).integers(0, 256, (900, 1200, 3)).astype(np.uint8)
    assert decode_image(encoded(Image.fromarray(noise), progressive=True), FIT).shape == (32, 32, 3)
