"""Metadata never keeps an image from being read, and the orientation is found where it can be."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hashlens.images import Fit, decode_image
from hashlens.images.metadata import orientation_in

FIT = Fit(24)


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[0:40, 0:60]
    channels = [x * 4, y * 6, 128 + 80 * np.sin(x / 9) * np.cos(y / 7)]
    return Image.fromarray(np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8))


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def tiff_block(order, orientation, kind=3):
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    value = struct.pack(order + {3: "HH", 4: "L"}[kind], *[orientation, 0][: 2 if kind == 3 else 1])
    entry = struct.pack(order + "HHHL", 1, 0x0112, kind, 1) + value
    return mark + struct.pack(order + "L", 8) + entry + bytes(4)


SIX = tiff_block("<", 6)
BROKEN = {
    "nothing": b"",
    "no header": b"\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x01\0\0",
    "zeros": bytes(64),
    "half a header": b"II*",
    "no directory": b"MM\0*\0\0\0\x08",
    "directory outside": b"II*\0\xff\xff\0\0",
    "directory cut": SIX[:16],
    "text": b'{"source": "some app"}',
    "giant count": b"II*\0\x08\0\0\0\1\0\x0f\1\2\0\xf0\xff\xff\xff\x1a\0\0\0" + bytes(4),
    "unknown type": SIX[:12] + b"\x63\0" + SIX[14:],
    "loop": SIX[:-4] + b"\x08\0\0\0",
}


def with_exif(data, file_format, block):
    """Put a block where a format keeps EXIF, whatever it is."""
    if file_format == "JPEG":
        body = b"Exif\0\0" + block
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    if file_format == "PNG":
        return with_chunks(data, chunk(b"eXIf", block))
    header = b"VP8X" + struct.pack("<IB3x", 10, 8) + b"\x3b\0\0\x27\0\0"  # 60 x 40
    exif = b"EXIF" + struct.pack("<I", len(block)) + block + bytes(len(block) % 2)
    body = b"WEBP" + header + data[12:] + exif
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunk(name, body, checksum=None):
    checksum = zlib.crc32(name + body) if checksum is None else checksum
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum)


def with_chunks(png, *chunks):
    return png[:33] + b"".join(chunks) + png[33:]


@pytest.mark.parametrize("block", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("dots_per_inch", [None, (72, 72)])
def test_broken_exif_does_not_matter(picture, file_format, block, dots_per_inch):
    options = {"lossless": True} if file_format == "WEBP" else {}
    if dots_per_inch and file_format != "WEBP":
        options["dpi"] = dots_per_inch
    data = encoded(picture, file_format, **options)
    broken = decode_image(with_exif(data, file_format, block), FIT)
    expected = decode_image(data, FIT)
    if block == BROKEN["loop"]:  # Its orientation can be read.
        expected = np.rot90(expected, -1)
    assert np.abs(broken.astype(int) - expected).max() <= 8


@pytest.mark.parametrize("wrapping", [b"", b"Exif\0\0", b"\xff\xe1\0\x40Exif\0\0", b"\0" * 20])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [3, 4])
def test_an_orientation_is_found_in_odd_wrappings(wrapping, order, kind):
    assert orientation_in(wrapping + tiff_block(order, 6, kind)) == 6


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_wrapped_orientation_is_applied(picture, file_format):
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}
    data = encoded(picture, file_format, **options.get(file_format, {}))
    turned = decode_image(with_exif(data, file_format, b"Exif\0\0" + SIX), FIT).astype(int)
    expected = np.rot90(decode_image(data, FIT), -1).astype(int)
    assert np.abs(turned - expected).max() <= 8


@pytest.mark.parametrize("block", [b"", b"II*", b"II*\0\xff\xff\xff\xff", tiff_block("<", 9)])
def test_no_orientation_in_what_is_none(block):
    assert orientation_in(block) is None


LONG = b"".join(b"<stEvt:%d/>" % number for number in range(200_000))
CHUNKS = {
    "zTXt of 2 MB": [chunk(b"zTXt", b"x\0\0" + zlib.compress(LONG))],
    "iTXt of 2 MB": [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG))],
    "iCCP of 2 MB": [chunk(b"iCCP", b"x\0\0" + zlib.compress(LONG))],
    "iCCP of an unknown method": [chunk(b"iCCP", b"x\0\7abc")],
    "iCCP that is broken": [chunk(b"iCCP", b"x\0\0abc")],
    "zTXt of an unknown method": [chunk(b"zTXt", b"x\0\7abc")],
    "zTXt that is broken": [chunk(b"zTXt", b"x\0\0abc")],
    "tEXt with a wrong checksum": [chunk(b"tEXt", b"x\0y", 1)],
    "tEXt of 70 MB in all": [chunk(b"tEXt", b"x\0" + bytes(7_000_000))] * 10,
    "EXIF as text without hex": [chunk(b"tEXt", b"Raw profile type exif\0\nexif\n  20\nzz\n")],
    **{f"short {name}": [chunk(name.encode(), b"\0")] for name in ("pHYs", "cHRM", "sRGB")},
    "empty gAMA": [chunk(b"gAMA", b"")],
    "short tRNS": [chunk(b"tRNS", b"\0\1")],
    "tRNS with a wrong checksum": [chunk(b"tRNS", bytes(6), 1)],
    "acTL without frames": [chunk(b"acTL", bytes(8))],
    "short acTL": [chunk(b"acTL", b"\0")],
    "broken acTL and text": [chunk(b"acTL", b"\0", 1), chunk(b"tEXt", b"x\0y", 1)],
    "private": [chunk(b"prVt", b"anything")],
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_ancillary_chunks_of_a_png_do_not_matter(picture, chunks):
    data = encoded(picture, "PNG")
    expected = decode_image(data, FIT)
    np.testing.assert_array_equal(decode_image(with_chunks(data, *chunks), FIT), expected)


def test_the_orientation_beside_a_broken_chunk_is_kept(picture):
    data = encoded(picture, "PNG")
    both = with_chunks(data, chunk(b"gAMA", b""), chunk(b"eXIf", SIX))
    expected = np.rot90(decode_image(data, FIT), -1).astype(int)
    assert np.abs(decode_image(both, FIT).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xFE])
@pytest.mark.parametrize(
    "body",
    [b"", b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\xff\xff", b"ICC_PROFILE\0\1", b"MPF\0II*\0"],
)
def test_segments_of_a_jpeg_do_not_matter(picture, marker, body):
    data = encoded(picture, "JPEG")
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
    expected = decode_image(data, FIT)
    np.testing.assert_array_equal(decode_image(data[:2] + segment + data[2:], FIT), expected)


def test_a_broken_checksum_of_the_pixels_still_counts(picture):
    data = bytearray(encoded(picture, "PNG"))
    data[-20] ^= 1
    with pytest.raises(Exception, match="damaged"):
        decode_image(bytes(data), FIT)
