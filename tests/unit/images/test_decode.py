"""Decoding gives the right pixels, whatever the format, mode and orientation."""

import io

import numpy as np
import pytest
from PIL import Image, features

from hashlens.errors import DataError, ParameterError
from hashlens.images.decode import FORMATS, Fit, decode_image, fit_pixels


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def photo():
    """A smooth picture with structure: 96 x 64, distinct corners."""
    y, x = np.mgrid[0:64, 0:96]
    channels = [x * 2.5, y * 3.5, 128 + 80 * np.sin(x / 9) * np.cos(y / 7)]
    return Image.fromarray(np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "PPM", "TIFF", "WEBP", "SGI", "PCX", "DDS"])
def test_lossless_formats_give_the_pixels_themselves(photo, file_format):
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(photo, file_format, **options)
    expected = np.asarray(photo.resize((32, 32), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(decode_image(data, Fit(32)), expected)


@pytest.mark.parametrize("file_format", ["JPEG", "GIF", "JPEG2000", "ICO", "AVIF"])
def test_lossy_formats_are_close(photo, file_format):
    if file_format == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow is built without AVIF")
    decoded = decode_image(encoded(photo, file_format), Fit(32)).astype(int)
    expected = np.asarray(photo.resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(decoded - expected).mean() < 12


def test_every_format_is_known_to_pillow():
    Image.init()
    optional = {"AVIF"}
    assert set(FORMATS) - optional <= set(Image.OPEN)


def test_the_result_owns_its_memory_and_is_contiguous(photo):
    pixels = decode_image(encoded(photo, "PNG"), Fit(16))
    assert pixels.dtype == np.uint8
    assert pixels.shape == (16, 16, 3)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_undone(photo, orientation, file_format):
    stored_from_upright = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    upright = np.asarray(photo)
    stored = np.ascontiguousarray(stored_from_upright[orientation](upright))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}
    data = encoded(Image.fromarray(stored), file_format, exif=exif, **options.get(file_format, {}))
    expected = fit_pixels(upright, Fit(24)).astype(int)
    assert np.abs(decode_image(data, Fit(24)).astype(int) - expected).max() <= 6


def test_transparency_is_composited_on_white():
    image = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 5, 10))
    pixels = decode_image(encoded(image, "PNG"), Fit(10))
    np.testing.assert_array_equal(pixels[5, 2], [0, 0, 255])
    np.testing.assert_array_equal(pixels[5, 7], [255, 255, 255])


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "L", "RGB"])
def test_every_kind_of_transparency_is_seen(mode):
    if mode in ("LA", "RGBA"):
        data = encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode), "PNG")
    else:
        transparent = {"P": 0, "L": 0, "RGB": (0, 0, 0)}[mode]
        data = encoded(Image.new(mode, (8, 8), transparent), "PNG", transparency=transparent)
    np.testing.assert_array_equal(decode_image(data, Fit(4)), 255)


def test_palette_and_bilevel_and_gray_become_rgb():
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    np.testing.assert_array_equal(
        decode_image(encoded(red.convert("P", palette=Image.Palette.ADAPTIVE), "PNG"), Fit(2)),
        np.broadcast_to([255, 0, 0], (2, 2, 3)),
    )
    np.testing.assert_array_equal(
        decode_image(encoded(Image.new("1", (8, 8), 1), "PNG"), Fit(2)), 255
    )
    np.testing.assert_array_equal(
        decode_image(encoded(Image.new("L", (8, 8), 77), "PNG"), Fit(2)), 77
    )


def test_cmyk_jpeg_keeps_its_colors(photo):
    data = encoded(photo.convert("CMYK"), "JPEG", quality=95)
    expected = fit_pixels(np.asarray(photo), Fit(16)).astype(int)
    assert np.abs(decode_image(data, Fit(16)).astype(int) - expected).mean() < 8


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_sixteen_bit_gray_is_scaled_not_clipped(file_format):
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16)[None].repeat(256, axis=0)
    pixels = decode_image(encoded(Image.fromarray(ramp), file_format), Fit(256))
    np.testing.assert_array_equal(pixels[0, :, 0], np.arange(256))


def test_float_tiff_in_zero_to_one_spans_all_grays_and_nan_is_black():
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None].repeat(256, axis=0)
    ramp[0, 100] = np.nan
    pixels = decode_image(encoded(Image.fromarray(ramp), "TIFF"), Fit(256))
    np.testing.assert_array_equal(pixels[5, :, 0], np.arange(256))
    assert pixels[0, 100, 0] == 0


@pytest.mark.parametrize(
    ("mode", "white"), [("I", 255), ("I", 65535), ("F", 1), ("F", 255), ("F", 65535)]
)
def test_deep_samples_are_scaled_from_the_usual_range_that_holds_them(mode, white):
    dtype = np.int32 if mode == "I" else np.float32
    samples = (np.array([[0, 0.2], [0.4, 0.8]]) * white).astype(dtype)
    pixels = decode_image(encoded(Image.fromarray(samples, mode), "TIFF"), Fit(2))
    assert np.abs(pixels[..., 0].astype(int) - [[0, 51], [102, 204]]).max() <= 1


def test_integers_of_another_range_are_stretched():
    heights = np.array([[-500, 1500], [3500, 1500]], dtype=np.int32)
    pixels = decode_image(encoded(Image.fromarray(heights, "I"), "TIFF"), Fit(2, "squash"))
    np.testing.assert_array_equal(pixels[..., 0], [[0, 128], [255, 128]])


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(file_format):
    frames = [Image.new("RGB", (8, 8), color) for color in ("lime", "blue", "red")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decode_image(data, Fit(2))[0, 0], [0, 255, 0])


def test_large_jpegs_are_decoded_at_reduced_scale(monkeypatch):
    loaded = []
    original = Image.Image.resize

    def spy(self, *arguments, **options):
        loaded.append(self.size)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Image.Image, "resize", spy)
    decode_image(encoded(Image.new("RGB", (4000, 3000), "teal"), "JPEG"), Fit(224))
    assert loaded == [(500, 375)]


@pytest.mark.parametrize("shape", [(4000, 3000), (640, 480), (300, 2000), (225, 224), (100, 50)])
@pytest.mark.parametrize("mode", ["squash", "crop"])
def test_reduced_scale_is_never_below_the_target(monkeypatch, shape, mode):
    loaded = []
    original = Image.Image.resize

    def spy(self, *arguments, **options):
        loaded.append(self.size)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Image.Image, "resize", spy)
    fit = Fit(224, mode, crop_fraction=0.875)
    decode_image(encoded(Image.new("RGB", shape), "JPEG"), fit)
    assert min(loaded[0]) >= min(*shape, fit.shorter_side)


def test_reduced_scale_gives_nearly_the_same_pixels(photo):
    large = photo.resize((1920, 1280), Image.Resampling.BICUBIC)
    data = encoded(large, "JPEG", quality=95)
    full = np.asarray(
        Image.open(io.BytesIO(data)).resize((64, 64), Image.Resampling.BICUBIC)
    ).astype(int)
    assert np.abs(decode_image(data, Fit(64)).astype(int) - full).mean() < 1


@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (50, 50), (641, 479), (30, 20)])
@pytest.mark.parametrize("crop_fraction", [1.0, 0.875, 0.9])
def test_crop_equals_resize_of_the_shorter_side_and_central_crop(width, height, crop_fraction):
    image = Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)
    )
    side = int(32 / crop_fraction)
    shorter = min(width, height)
    size = (side * width // shorter, side * height // shorter)
    left, top = (round((length - 32) / 2) for length in size)
    naive = image.resize(size, Image.Resampling.BICUBIC).crop((left, top, left + 32, top + 32))
    fitted = fit_pixels(np.asarray(image), Fit(32, "crop", crop_fraction=crop_fraction))
    difference = np.abs(fitted.astype(int) - np.asarray(naive).astype(int))
    # Pillow keeps boxes in single precision, so that a sum may round to the other side.
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.01


def test_a_thin_strip_costs_no_giant_intermediate_image():
    strip = Image.new("L", (200_000, 1), 9)
    np.testing.assert_array_equal(decode_image(encoded(strip, "PNG"), Fit(224, "crop")), 9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 1.5},
        {"size": 8, "mode": "stretch"},
        {"size": 8, "interpolation": "nearest"},
        {"size": 8, "crop_fraction": 0},
        {"size": 8, "crop_fraction": 1.2},
    ],
)
def test_a_wrong_fit_is_refused(wrong):
    with pytest.raises(ParameterError, match=str(list(wrong)[-1])):
        Fit(**wrong)


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4), (0, 8, 3)])
def test_pixels_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(DataError, match=r"height, width, 3"):
        fit_pixels(np.zeros(shape, np.uint8), Fit(4))


def test_pixels_of_a_wrong_type_are_refused():
    with pytest.raises(DataError, match="float64"):
        fit_pixels(np.zeros((8, 8, 3)), Fit(4))
