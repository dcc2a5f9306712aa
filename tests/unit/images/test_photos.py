"""Formats of phones and cameras: read by the extra, known by name without it."""

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from hashlens.errors import ImageUnavailableError
from hashlens.images import Fit, decode_image
from hashlens.images.formats import PHOTO_FORMATS, format_of, suffixes_of_extra
from hashlens.images.reading import read_pixels

FIT = Fit(32)


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[0:480, 0:640]
    channels = [x * 0.39, y * 0.5, 128 + 80 * np.sin(x / 50) * np.cos(y / 40)]
    return Image.fromarray(np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8))


@pytest.fixture
def pixels(picture):
    return decode_image(encoded(picture, "PNG"), FIT).astype(int)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def is_near(data, pixels, mean=2.0):
    return np.abs(decode_image(data, FIT).astype(int) - pixels).mean() < mean


@pytest.mark.parametrize("several", [False, True])
def test_heif(picture, pixels, several):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    others = [picture.rotate(180)] if several else []
    data = encoded(picture, "HEIF", quality=90, save_all=several, append_images=others)
    assert format_of(data) == "HEIF"
    assert is_near(data, pixels)


@pytest.mark.parametrize("several", [False, True])
def test_avif_is_read_without_the_extra(picture, pixels, several):
    others = [picture.rotate(180)] if several else []
    data = encoded(picture, "AVIF", quality=90, save_all=several, append_images=others)
    assert format_of(data) == "AVIF"
    assert is_near(data, pixels)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "frames"])
def test_jpeg_xl(picture, pixels, kind):
    imagecodecs = pytest.importorskip("imagecodecs")
    samples = np.asarray(picture)
    if kind == "uint16":
        samples = samples.astype(np.uint16) * 257
    elif kind == "float32":
        samples = samples.astype(np.float32) / 255
    elif kind == "frames":
        samples = np.stack([samples, samples[::-1]])
    data = imagecodecs.jpegxl_encode(samples, level=95)
    assert format_of(data) == "JPEG XL"
    assert is_near(data, pixels)


def dng(picture, orientation=1, preview=b""):
    """A DNG of one color filter array in 16 bits, with or without a preview in JPEG."""
    rgb = np.asarray(picture).astype(np.uint16)
    sensor = np.empty(rgb.shape[:2], np.uint16)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        sensor[row::2, column::2] = rgb[row::2, column::2, channel]
    sensor = np.rint((sensor / 255.0) ** 2.2 * 65535).astype("<u2")
    matrix = [3240, -1537, -499, -969, 1876, 42, 56, -204, 1057]  # XYZ to sRGB.
    main = [(254, "L", [0]), (256, "L", [picture.width]), (257, "L", [picture.height])]
    main += [(258, "H", [16]), (259, "H", [1]), (262, "H", [32803]), (274, "H", [orientation])]
    main += [(271, "s", b"Maker\0"), (272, "s", b"Model\0"), (277, "H", [1])]
    main += [(278, "L", [picture.height]), (273, "L", ["sensor"]), (279, "L", [sensor.nbytes])]
    main += [(33421, "H", [2, 2]), (33422, "B", [0, 1, 1, 2]), (50706, "B", [1, 4, 0, 0])]
    main += [(50708, "s", b"Maker Model\0"), (50717, "L", [65535]), (50778, "H", [21])]
    main += [(50721, "r", [(value, 1000) for value in matrix])]
    main += [(50728, "R", [(1, 1)] * 3)]
    directories = [main]
    if preview:
        width, height = Image.open(io.BytesIO(preview)).size
        first = [(254, "L", [1]), (256, "L", [width]), (257, "L", [height]), (258, "H", [8] * 3)]
        first += [(259, "H", [7]), (262, "H", [6]), (277, "H", [3]), (278, "L", [height])]
        first += [(273, "L", ["preview"]), (279, "L", [len(preview)]), (330, "L", ["next"])]
        first += [entry for entry in main if entry[0] in (271, 272, 274, 50706, 50708)]
        directories = [first, main]
    return laid_out(directories, {"sensor": sensor.tobytes(), "preview": preview})


def laid_out(directories, blobs):
    """Lay out TIFF directories, each the sub-directory of the one before."""
    codes = {"B": (1, "B", 1), "s": (2, "s", 1), "H": (3, "H", 2), "L": (4, "L", 4)}
    codes |= {"R": (5, "LL", 8), "r": (10, "ll", 8)}

    def pack(kind, values):
        if kind == "s":
            return values
        return b"".join(
            struct.pack("<" + codes[kind][1], *(value if isinstance(value, tuple) else [value]))
            for value in values
        )

    sizes = [2 + 12 * len(directory) + 4 for directory in directories]
    starts = [8 + sum(sizes[:number]) for number in range(len(sizes))]
    at, places = 8 + sum(sizes), {}
    for name, blob in blobs.items():
        places[name], at = at, at + len(blob) + len(blob) % 2
    head, tail = b"II*\0" + struct.pack("<L", 8), b""
    for directory in directories:
        head += struct.pack("<H", len(directory))
        for tag, kind, values in sorted(directory):
            known = {**places, "next": starts[-1]}
            body = pack(kind, [known.get(v, v) for v in values] if kind == "L" else values)
            code, _, length = codes[kind]
            head += struct.pack("<HHL", tag, code, len(body) // length)
            if len(body) > 4:
                head += struct.pack("<L", at + len(tail))
                tail += body + bytes(len(body) % 2)
            else:
                head += body.ljust(4, b"\0")
        head += bytes(4)
    return head + b"".join(blob + bytes(len(blob) % 2) for blob in blobs.values()) + tail


def test_camera_raw_is_developed(picture, pixels):
    pytest.importorskip("rawpy")
    developed = decode_image(dng(picture), FIT).astype(float)
    for channel in range(3):  # Brightness and tones are the developer's choice.
        ours, expected = developed[..., channel].ravel(), pixels[..., channel].ravel()
        assert np.corrcoef(ours, expected)[0, 1] > 0.95


def test_camera_raw_is_turned_upright(picture):
    pytest.importorskip("rawpy")
    upright = decode_image(dng(picture), FIT).astype(int)
    turned = decode_image(dng(picture, orientation=6), FIT).astype(int)
    assert np.abs(turned - np.rot90(upright, -1)).mean() < 3


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_preview_stands_for_the_picture(picture, orientation):
    pytest.importorskip("rawpy")
    other = Image.fromarray(np.asarray(picture)[:, :, ::-1].copy()).resize((960, 720))
    preview = encoded(other, "JPEG", quality=95)
    expected = decode_image(preview, FIT)
    expected = np.rot90(expected, -1) if orientation == 6 else expected
    decoded = decode_image(dng(picture, orientation, preview), FIT)
    assert np.abs(decoded.astype(int) - expected).mean() < 4


def test_a_small_preview_does_not(picture):
    pytest.importorskip("rawpy")
    small = encoded(Image.new("RGB", (160, 120), "red"), "JPEG")
    decoded = decode_image(dng(picture, 1, small), FIT).astype(int)
    assert np.abs(decoded - decode_image(dng(picture), FIT)).mean() < 3


@pytest.mark.parametrize("name", PHOTO_FORMATS)
def test_without_the_extra_the_reason_says_what_to_install(monkeypatch, name, picture):
    for package in ("pillow_heif", "imagecodecs", "rawpy"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImageUnavailableError, match=r"pip install 'hashlens\[photos\]'"):
        read_pixels(b"anything", name, FIT, print)
    assert suffixes_of_extra()[PHOTO_FORMATS[name][0]] == "pip install 'hashlens[photos]'"


def test_camera_raw_that_looks_like_tiff_needs_the_extra_too(monkeypatch, picture):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(ImageUnavailableError, match="camera RAW"):
        read_pixels(dng(picture), "TIFF", FIT, print)


def test_with_the_extra_all_suffixes_are_read():
    for package in ("pillow_heif", "imagecodecs", "rawpy"):
        pytest.importorskip(package)
    assert suffixes_of_extra() == {}
