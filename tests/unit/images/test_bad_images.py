"""Whatever the bytes are: an ImageError without a path, no warning, no giant allocation."""

import io
import logging
import resource
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from hashlens.errors import ImageError
from hashlens.images.decode import MAX_DECODED_PIXELS, Fit, decode_image
from hashlens.images.quiet import quiet_pillow

FIT = Fit(32)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def noise(width=64, height=48):
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8))


def png_declaring(width, height):
    """A tiny PNG whose header declares any size."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


def jpeg_declaring(width, height, **options):
    """A small JPEG whose frame header declares any size."""
    data = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG", **options))
    marker = b"\xff\xc2" if options.get("progressive") else b"\xff\xc0"
    at = data.index(marker) + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def test_empty_data():
    with pytest.raises(ImageError, match="empty"):
        decode_image(b"", FIT)


@pytest.mark.parametrize("data", [b"hello, I am no picture\n" * 40, b"\0" * 500, b"\xff" * 500])
def test_what_is_no_image(data):
    with pytest.raises(ImageError, match="not an image, or of an unknown format"):
        decode_image(data, FIT)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_truncated_images(file_format, share):
    data = encoded(noise(), file_format)
    with pytest.raises(ImageError):
        decode_image(data[: int(len(data) * share)], FIT)


def test_a_truncated_jpeg_says_so():
    data = encoded(noise(), "JPEG")
    with pytest.raises(ImageError, match="truncated"):
        decode_image(data[: len(data) // 2], FIT)


def test_a_truncated_large_jpeg_is_noticed_at_reduced_scale():
    data = encoded(noise(2000, 1500), "JPEG")
    with pytest.raises(ImageError, match="truncated"):
        decode_image(data[: len(data) // 2], FIT)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "PSD"])
def test_random_damage_is_an_image_error_or_an_image(file_format):
    intact = b"8BPS" + bytes(200) if file_format == "PSD" else encoded(noise(), file_format)
    rng = np.random.default_rng(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(60):
            data = bytearray(intact)
            for position in rng.integers(0, len(data), 5):
                data[position] = rng.integers(0, 256)
            try:
                assert decode_image(bytes(data), FIT).shape == (32, 32, 3)
            except ImageError as error:
                assert "BytesIO" not in str(error)  # noqa: PT017 - both outcomes are right


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (30_000, 30_000), (2**31 - 1, 9)])
def test_a_png_bomb_is_refused_before_memory_is_spent(width, height):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match="too large"):
        decode_image(png_declaring(width, height), FIT)
    spent_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert spent_kilobytes < 20_000


def test_a_real_bomb_of_100_megapixels_is_refused():
    data = encoded(Image.new("1", (10_000, 10_000)), "PNG")
    assert len(data) < 100_000
    with pytest.raises(ImageError, match=f"10000 x 10000 .* {MAX_DECODED_PIXELS:,}"):
        decode_image(data, FIT)


def declaring(file_format, width, height, **options):
    """A small image of a format, whose header is changed to declare any size."""
    data = bytearray(encoded(Image.new("RGB", (16, 16)), file_format, **options))
    if file_format == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif file_format == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif data[12:16] == b"VP8 ":
        data[26:30] = struct.pack("<HH", width, height)
    elif data[12:16] == b"VP8L":
        packed = struct.unpack("<I", data[21:25])[0] & 0xF0000000
        data[21:25] = struct.pack("<I", packed | (height - 1) << 14 | width - 1)
    elif data[12:16] == b"VP8X":
        data[24:30] = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return bytes(data)


@pytest.mark.parametrize(
    ("file_format", "options"),
    [
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}),
    ],
)
def test_bombs_of_other_formats_are_refused(file_format, options):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ImageError, match="too large: 16000 x 5100"):
        decode_image(declaring(file_format, 16_000, 5_100, **options), FIT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_a_tiff_bomb_is_refused():
    with pytest.raises(ImageError, match="too large"):
        decode_image(encoded(Image.new("1", (9_500, 9_500)), "TIFF"), FIT)


def test_a_jpeg_of_100_megapixels_is_decoded_at_reduced_scale():
    data = encoded(Image.new("L", (10_000, 10_000), 60), "JPEG")
    np.testing.assert_array_equal(decode_image(data, FIT), 60)


def test_a_progressive_jpeg_counts_in_full_since_all_of_it_is_held():
    with pytest.raises(ImageError, match="20000 x 20000"):
        decode_image(jpeg_declaring(20_000, 20_000, progressive=True), FIT)


def test_a_jpeg_of_several_scans_counts_in_full_since_all_of_it_is_held():
    data = jpeg_declaring(20_000, 20_000)
    scan = data.index(b"\xff\xda")
    one_component = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    assert data[scan : scan + 5] == b"\xff\xda\x00\x0c\x03"
    with pytest.raises(ImageError, match="20000 x 20000"):
        decode_image(data[:scan] + one_component + data[scan + 14 :], FIT)


def test_more_memory_than_there_is(monkeypatch):
    def full(*arguments, **options):
        raise MemoryError

    data = encoded(noise(), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", full)
    with pytest.raises(ImageError, match="memory"):
        decode_image(data, FIT)


def test_corrupt_exif_gives_no_warning_and_no_failure():
    data = bytearray(encoded(noise(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05" + bytes(7)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_image(bytes(data), FIT).shape == (32, 32, 3)


def test_warnings_of_others_pass_and_filters_are_restored():
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with quiet_pillow():
            warnings.warn("mine", UserWarning, stacklevel=1)
            warnings.warn_explicit("theirs", UserWarning, "PIL/x.py", 1, module="PIL.Image")
    assert [str(warning.message) for warning in caught] == ["mine"]
    assert warnings.filters == before


def test_filters_are_restored_after_overlapping_threads():
    before = list(warnings.filters)
    data = encoded(noise(), "PNG")
    threads = [
        threading.Thread(target=lambda: [decode_image(data, FIT) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_errors_that_pillow_logs_do_not_reach_stderr(capfd):
    logging.getLogger("PIL.TiffImagePlugin").error("More samples per pixel than can be decoded")
    assert capfd.readouterr().err == ""
