"""Transparency, deep samples and animations, where the obvious reading leaves a blank page."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hashlens.errors import ImageError
from hashlens.images import Fit, decode_image
from hashlens.images.samples import range_of, to_uint8

FIT = Fit(64)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[0:64, 0:64]
    channels = [x * 4, y * 4, 128 + 80 * np.sin(x / 9) * np.cos(y / 7)]
    return Image.fromarray(np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8))


def with_alpha(picture, value):
    opaque = picture.copy()
    opaque.putalpha(value)
    return opaque


def bitmap_with_masks(picture, alpha):
    """A BMP of 32 bits with an alpha mask, which Pillow does not write."""
    rgba = np.asarray(with_alpha(picture, alpha))[::-1, :, [2, 1, 0, 3]].tobytes()
    masks = struct.pack("<4L", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    header = struct.pack("<LllHHLLllLL", 124, 64, 64, 1, 32, 3, len(rgba), 0, 0, 0, 0) + masks
    header = header.ljust(124, b"\0")
    return b"BM" + struct.pack("<LHHL", 138 + len(rgba), 0, 0, 138) + header + rgba


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "DDS", "BMP", "ICO", "QOI"])
def test_an_alpha_channel_of_zeros_is_ignored(picture, file_format):
    if file_format == "BMP":
        data = bitmap_with_masks(picture, 0)
    else:
        options = {"WEBP": {"lossless": True, "exact": True}, "ICO": {"sizes": [(64, 64)]}}
        data = encoded(with_alpha(picture, 0), file_format, **options.get(file_format, {}))
    np.testing.assert_array_equal(decode_image(data, FIT), np.asarray(picture))


def logo(color, kind):
    image = Image.new("RGBA", (64, 64), (*color, 0))
    draw = ImageDraw.Draw(image)
    if kind == "ring":
        draw.ellipse((10, 10, 54, 54), outline=(*color, 255), width=8)
    else:
        draw.rectangle((28, 6, 36, 58), fill=(*color, 255))
    return image


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "ICO"])
@pytest.mark.parametrize("color", [(255, 255, 255), (246, 250, 244)])
def test_white_drawings_differ_from_each_other_and_from_a_blank_page(file_format, color):
    options = {"WEBP": {"lossless": True}, "ICO": {"sizes": [(64, 64)]}}.get(file_format, {})
    ring, bar = (
        decode_image(encoded(logo(color, kind), file_format, **options), FIT).astype(int)
        for kind in ("ring", "bar")
    )
    assert np.abs(ring - bar).mean() > 20
    assert np.abs(ring - 255).mean() > 100
    assert np.abs(bar - 255).mean() > 100


def test_other_drawings_stay_on_white():
    pixels = decode_image(encoded(logo((200, 0, 0), "ring"), "PNG"), FIT)
    np.testing.assert_array_equal(pixels[0, 0], 255)


def test_a_page_that_is_blank_on_purpose_stays_white():
    for alpha in (0, 255):
        data = encoded(Image.new("RGBA", (64, 64), (255, 255, 255, alpha)), "PNG")
        np.testing.assert_array_equal(decode_image(data, FIT), 255)


def frames_of(seed):
    rng = np.random.default_rng(seed)
    return [
        Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).resize((64, 64))
        for _ in range(3)
    ]


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "AVIF"])
@pytest.mark.parametrize("blank", ["black", "white", "clear"])
@pytest.mark.parametrize("count", [1, 3])
def test_of_an_animation_the_first_frame_that_is_not_blank_counts(file_format, blank, count):
    frames = frames_of(1)
    color = (0, 0, 0, 0) if blank == "clear" else blank
    empty = [Image.new("RGBA" if blank == "clear" else "RGB", (64, 64), color)] * count
    if blank == "clear":
        frames = [frame.convert("RGBA") for frame in frames]
    options = {"lossless": True} if file_format == "WEBP" else {}
    if file_format == "PNG" and count > 1:
        options["duration"] = [100 + n for n in range(count + 3)]  # Else equal frames are joined.
    rest = [*empty[1:], *frames]
    data = encoded(empty[0], file_format, save_all=True, append_images=rest, **options)
    expected = np.asarray(frames[0].convert("RGB")).astype(int)
    assert np.abs(decode_image(data, FIT) - expected).mean() < 12


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG"])
def test_an_animation_of_blank_frames_is_its_first(file_format):
    frames = [Image.new("RGB", (64, 64), color) for color in ("lime", "blue", "red")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decode_image(data, FIT)[0, 0], [0, 255, 0])


def test_a_still_gif_of_one_color_is_read():
    data = encoded(Image.new("RGB", (64, 64), "teal"), "GIF")
    np.testing.assert_array_equal(decode_image(data, FIT)[0, 0], [0, 128, 128])


@pytest.mark.parametrize(
    ("dtype", "values", "limits"),
    [
        ("uint16", [0, 1023], (0, 1023)),
        ("uint16", [0, 1024], (0, 4095)),
        ("uint16", [0, 4096], (0, 16383)),
        ("uint16", [0, 16384], (0, 65535)),
        ("int16", [0, 300], (0, 32767)),
        ("int16", [-5, 300], (-5, 300)),
        ("int32", [0, 255], (0, 255)),
        ("int32", [0, 256], (0, 65535)),
        ("int32", [0, 65536], (0, 65536)),
        ("uint32", [0, 65535], (0, 65535)),
        ("uint32", [0, 2**31], (0, 2**32 - 1)),
        ("float32", [0, 1], (0, 1)),
        ("float64", [0, 1.5], (0, 255)),
        ("float16", [0, 300], (0, 65535)),
        ("float32", [-1, 1], (-1, 1)),
        ("float32", [np.nan, np.inf], (0, 1)),
        ("float64", [7, 7], (0, 255)),
        ("float64", [-7, -7], (-7, -6)),
    ],
)
def test_the_usual_range_that_holds_all_samples(dtype, values, limits):
    assert range_of(np.array(values, dtype=dtype)) == limits


def test_complex_numbers_are_refused():
    with pytest.raises(ImageError, match="complex64"):
        to_uint8(np.zeros((2, 2), np.complex64))
