"""Kinds of TIFF beyond those that the reference test compares with other decoders."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import Fit, decode_image
from hashlens.images.reading import read_pixels

FIT = Fit(16)


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def rgb():
    y, x = np.mgrid[0:16, 0:16] * 17
    return np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8)


def test_of_several_pages_the_first_at_full_resolution_counts(rgb):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(rgb[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        file.write(rgb, photometric="rgb", metadata=None)
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), FIT), rgb)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("kind", ["cielab", "icclab"])
def test_cielab(rgb, dtype, kind):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    lab = np.asarray(ImageCms.applyTransform(Image.fromarray(rgb), transform)).copy()
    if kind == "icclab":
        lab[..., 1:] ^= 128
    samples = lab if dtype == "uint8" else lab.astype(np.uint16) << 8
    data = tiff(samples, photometric=kind)
    assert np.abs(decode_image(data, FIT).astype(int) - rgb).mean() < 8


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_inks(rgb, dtype, planarconfig):
    inks = np.dstack([255 - rgb, np.zeros((16, 16), np.uint8)])
    white = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[dtype]
    samples = (inks * np.float64(white)).astype(dtype)
    samples = samples if planarconfig == "contig" else np.moveaxis(samples, 2, 0)
    data = tiff(samples, photometric="separated", planarconfig=planarconfig)
    assert np.abs(decode_image(data, FIT).astype(int) - rgb).max() <= 2


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.zeros((8, 8), np.complex64), {"photometric": "minisblack"}),
        (np.zeros((8, 8, 3), np.uint16), {"photometric": "ycbcr"}),
        (
            np.zeros((4, 16, 16), np.float32),
            {"photometric": "minisblack", "volumetric": True, "tile": (4, 16, 16)},
        ),
    ],
)
def test_kinds_that_are_not_read_are_refused_with_the_true_reason(array, options):
    with pytest.raises(ImageError, match=r"not read(?!.*unknown format)"):
        decode_image(tiff(array, **options), FIT)


def test_a_compression_that_needs_the_extra_says_so(monkeypatch):
    pytest.importorskip("imagecodecs")
    data = tiff(np.zeros((8, 8), np.float32), photometric="miniswhite", compression="lzw")

    def missing(*arguments, **options):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", missing)
    with pytest.raises(ImageUnavailableError, match=r"LZW.*pip install 'hashlens\[photos\]'"):
        read_pixels(data, "TIFF", FIT, print)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_truncated_files_are_refused(rgb, dtype, share):
    data = tiff(rgb.astype(dtype), photometric="rgb", compression="zlib")
    with pytest.raises(ImageError):
        decode_image(data[: int(len(data) * share)], FIT)
