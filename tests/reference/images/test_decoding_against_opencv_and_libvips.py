"""Some 250 generated files, decoded by us, by OpenCV and by libvips: none is silently different."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hashlens.errors import ImageError
from hashlens.images import Fit, decode_image

cv2 = pytest.importorskip("cv2")
pyvips = pytest.importorskip("pyvips")
tifffile = pytest.importorskip("tifffile")

SIDE = 32
FIT = Fit(SIDE)
ROUNDING = 2
OTHERWISE = (
    *("unspecified", "alpha of zeros"),  # Both composite what is no transparency.
    *("bits gray", "bits rgb", "bits rgba", "bits gray alpha"),  # Both scale from 16 bits.
    *("white is zero", "planar"),  # Of signed integers and floats: both leave what is in the file.
    *(f"{kind} {mode}" for kind in ("SGI", "PCX", "DDS", "QOI", "ICO") for mode in ("rgb", "gray")),
    *(f"{kind} rgba" for kind in ("SGI", "DDS", "QOI", "ICO")),  # Neither reads these formats.
    *(f"psd {mode} {bits}" for mode in ("gray", "rgb") for bits in (8, 16, 32)),
    "psd bitmap",
)
"""What the names of files end with that neither of the others decodes as it was written."""
WHITE = {"uint8": 255, "uint16": 65535, "uint32": 2**32 - 1, "int16": 32767}
WHITE |= {"float16": 1, "float32": 1, "float64": 1}


def scene():
    """RGB in [0, 1], with black and white in each channel."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    return np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x) * np.cos(7 * y)], axis=-1)


def alpha():
    y, _ = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    return np.where(y < 0.5, 1.0, 0.25)


RGB, GRAY, ALPHA = scene(), scene()[..., 0], alpha()
ON_WHITE = RGB * ALPHA[..., None] + 1 - ALPHA[..., None]
GRAY_ON_WHITE = GRAY * ALPHA + 1 - ALPHA


def as_type(values, dtype, white=None):
    if dtype.startswith("float"):
        return values.astype(dtype)
    return np.rint(values * (white or WHITE[dtype])).astype(dtype)


def pillow(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def tiff(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(array, color_type, *chunks):
    depth = array.dtype.itemsize * 8
    rows = array.astype(array.dtype.newbyteorder(">")).reshape(len(array), -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], depth, color_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + b"".join(chunks)
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def tiff_cases():
    kinds = ("uint8", "uint16", "uint32", "int16", "float16", "float32", "float64")
    layouts = itertools.product(kinds, "<>", (None, "zlib", "lzw", "packbits"))
    for dtype, order, compression in layouts:
        if compression in ("lzw", "packbits") and dtype not in ("uint8", "uint16"):
            continue
        name = f"tiff {dtype} {order} {compression}"
        options = {"byteorder": order, "compression": compression}
        gray, color = as_type(GRAY, dtype), as_type(RGB, dtype)
        yield f"{name} gray", tiff(gray, photometric="minisblack", **options), GRAY
        inverted = as_type(1 - GRAY, dtype)
        yield f"{name} white is zero", tiff(inverted, photometric="miniswhite", **options), GRAY
        yield f"{name} rgb", tiff(color, photometric="rgb", **options), RGB
        planes = np.moveaxis(color, 2, 0)
        planar = {"photometric": "rgb", "planarconfig": "separate", **options}
        yield f"{name} planar", tiff(planes, **planar), RGB
        tiled = {"photometric": "rgb", "tile": (16, 16), **options}
        yield f"{name} tiles", tiff(color, **tiled), RGB
        if dtype in ("uint8", "uint16"):
            with_alpha = np.dstack([color, as_type(ALPHA, dtype)])
            alpha_options = {"photometric": "rgb", "extrasamples": ["unassalpha"], **options}
            yield f"{name} alpha", tiff(with_alpha, **alpha_options), ON_WHITE
            unused = {"photometric": "rgb", "extrasamples": ["unspecified"], **options}
            yield f"{name} unspecified", tiff(with_alpha, **unused), RGB
            gray_alpha = np.dstack([gray, as_type(ALPHA, dtype)])
            alpha_options["photometric"] = "minisblack"
            yield f"{name} gray alpha", tiff(gray_alpha, **alpha_options), GRAY_ON_WHITE
            premultiplied = np.dstack(
                [as_type(RGB * ALPHA[..., None], dtype), as_type(ALPHA, dtype)]
            )
            associated = {"photometric": "rgb", "extrasamples": ["assocalpha"], **options}
            yield f"{name} associated", tiff(premultiplied, **associated), ON_WHITE
            unset = np.dstack([color, np.zeros((SIDE, SIDE), dtype)])
            alpha_options["photometric"] = "rgb"
            yield f"{name} alpha of zeros", tiff(unset, **alpha_options), RGB


def tiff_cases_of_few_bits():
    for bits, dtype in ((10, "uint16"), (12, "uint16"), (14, "uint16")):
        white = (1 << bits) - 1
        gray, color = as_type(GRAY, dtype, white), as_type(RGB, dtype, white)
        yield f"tiff {bits} of 16 bits gray", tiff(gray, photometric="minisblack"), GRAY
        yield f"tiff {bits} of 16 bits rgb", tiff(color, photometric="rgb"), RGB
        yield f"png {bits} of 16 bits gray", png(gray, 0), GRAY
        yield f"png {bits} of 16 bits rgb", png(color, 2), RGB
        whole = as_type(ALPHA, dtype, 65535)
        yield f"png {bits} of 16 bits rgba", png(np.dstack([color, whole]), 6), ON_WHITE
        yield f"png {bits} of 16 bits gray alpha", png(np.dstack([gray, whole]), 4), GRAY_ON_WHITE


def png_cases():
    extras = {
        "": (),
        "text": (chunk(b"tEXt", b"a\0b"),),
        "gamma": (chunk(b"gAMA", struct.pack(">I", 45455)),),
        "bad profile": (chunk(b"iCCP", b"x\0\0abc"),),
        "long text": (chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(2_000_000))),),
    }
    for (extra, chunks), dtype in itertools.product(extras.items(), ("uint8", "uint16")):
        name = f"png {dtype} {extra}"
        gray, color, opacity = (as_type(values, dtype) for values in (GRAY, RGB, ALPHA))
        yield f"{name} gray", png(gray, 0, *chunks), GRAY
        yield f"{name} rgb", png(color, 2, *chunks), RGB
        yield f"{name} gray alpha", png(np.dstack([gray, opacity]), 4, *chunks), GRAY_ON_WHITE
        yield f"{name} rgba", png(np.dstack([color, opacity]), 6, *chunks), ON_WHITE
    for dtype in ("uint8", "uint16"):
        gray, color = as_type(GRAY, dtype), as_type(RGB, dtype)
        key = chunk(b"tRNS", struct.pack(">H", int(gray[0, 0])))
        keyed = np.where(gray == gray[0, 0], 1.0, GRAY)
        yield f"png {dtype} gray with a transparent value", png(gray, 0, key), keyed
        key = chunk(b"tRNS", struct.pack(">HHH", *(int(value) for value in color[3, 5])))
        keyed = np.where((color == color[3, 5]).all(axis=2)[..., None], 1.0, RGB)
        yield f"png {dtype} rgb with a transparent value", png(color, 2, key), keyed


def other_cases():
    color, gray = Image.fromarray(as_type(RGB, "uint8")), Image.fromarray(as_type(GRAY, "uint8"))
    rgba = color.copy()
    rgba.putalpha(Image.fromarray(as_type(ALPHA, "uint8")))
    lossless = {"lossless": True}
    for file_format in (
        "BMP",
        "PPM",
        "WEBP",
        "SGI",
        "PCX",
        "DDS",
        "TIFF",
        "QOI",
        "ICO",
        "JPEG2000",
    ):
        options = lossless if file_format == "WEBP" else {}
        if file_format in ("QOI", "ICO", "JPEG2000") and file_format not in Image.SAVE:
            Image.init()
        yield f"{file_format} rgb", pillow(color, file_format, **options), RGB
        if file_format in ("BMP", "PPM", "SGI", "PCX", "DDS", "TIFF", "JPEG2000"):
            yield f"{file_format} gray", pillow(gray, file_format), GRAY
        if file_format in ("WEBP", "SGI", "DDS", "TIFF", "QOI", "ICO", "JPEG2000"):
            yield f"{file_format} rgba", pillow(rgba, file_format, **options), ON_WHITE
    for mode in ("1", "L", "P"):
        picture = color.convert(mode)
        truth = np.asarray(picture.convert("RGB")) / 255
        formats = ("PNG", "TIFF", "BMP", "GIF") if mode != "1" else ("PNG", "TIFF", "BMP", "PPM")
        for file_format in formats:
            yield f"{file_format} of mode {mode}", pillow(picture, file_format), truth
    for bits in (8, 16):
        white = (1 << bits) - 1
        samples = as_type(GRAY, "uint16", white).astype(">u2" if bits == 16 else "u1").tobytes()
        yield f"pgm {bits}", b"P5 32 32 %d\n" % white + samples, GRAY
        samples = as_type(RGB, "uint16", white).astype(">u2" if bits == 16 else "u1").tobytes()
        yield f"ppm {bits}", b"P6 32 32 %d\n" % white + samples, RGB
    text = " ".join(str(value) for value in as_type(RGB, "uint8").ravel()).encode()
    yield "ppm plain", b"P3 32 32 255\n" + text + b"\n", RGB


def psd_cases():
    modes = {"gray": (1, [GRAY]), "rgb": (3, list(np.moveaxis(RGB, 2, 0)))}
    for (name, (mode, channels)), bits in itertools.product(modes.items(), (8, 16, 32)):
        kinds = {8: "uint8", 16: ">u2", 32: ">f4"}
        white = {8: 255, 16: 65535, 32: 1}[bits]
        planes = [channel * white for channel in channels]
        planes = [plane if bits == 32 else np.rint(plane) for plane in planes]
        header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, len(planes), SIDE, SIDE, bits, mode)
        body = b"".join(plane.astype(kinds[bits]).tobytes() for plane in planes)
        yield f"psd {name} {bits}", header + bytes(12) + b"\0\0" + body, modes[name][1]
    bits = np.packbits(GRAY < 0.5, axis=1)
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 1, SIDE, SIDE, 1, 0)
    yield "psd bitmap", header + bytes(12) + b"\0\0" + bits.tobytes(), [GRAY >= 0.5]


CASES = [*tiff_cases(), *tiff_cases_of_few_bits(), *png_cases(), *other_cases()]
CASES += [(name, data, np.stack(planes, axis=-1)) for name, data, planes in psd_cases()]


def as_rgb(truth):
    truth = np.asarray(truth, dtype=float)
    truth = truth[..., None] if truth.ndim == 2 else truth
    return np.broadcast_to(truth, (SIDE, SIDE, 3)) * 255


def by_opencv(data):
    """Return [0, 255] RGB on white, or None if OpenCV does not read it."""
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None:
        return None
    array = array[..., None] if array.ndim == 2 else array
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(array.shape[2])
    return None if order is None else on_white(array[..., order])


def by_libvips(data):
    try:
        array = pyvips.Image.new_from_buffer(data, "").numpy()
    except pyvips.Error:
        return None
    return on_white(array[..., None] if array.ndim == 2 else array)


def on_white(array):
    white = WHITE.get(array.dtype.name, 255)
    with np.errstate(invalid="ignore"):  # libvips leaves some float images raw
        values = array.astype(float) / white
    if values.shape[2] in (2, 4):
        opacity = values[..., -1:]
        values = values[..., :-1] * opacity + 1 - opacity
    if values.shape[2] not in (1, 3):
        return None
    return np.broadcast_to(values, (*values.shape[:2], 3)) * 255


def is_close(one, other):
    return one.shape == other.shape and bool(np.abs(one - other).max() <= ROUNDING)


def test_there_are_enough_files():
    assert len(CASES) >= 150
    assert len({name for name, _, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("data", "truth"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_pixels_are_those_that_were_written(data, truth):
    try:
        ours = decode_image(data, FIT).astype(float)
    except ImageError as error:
        pytest.fail(f"refused: {error}")
    assert np.abs(ours - as_rgb(truth)).max() <= ROUNDING


def test_other_decoders_confirm_all_but_some_kinds():
    unconfirmed = [
        name
        for name, data, _ in CASES
        if not any(
            other is not None and is_close(other, decode_image(data, FIT).astype(float))
            for other in (by_opencv(data), by_libvips(data))
        )
    ]
    assert [name for name in unconfirmed if not name.endswith(OTHERWISE)] == []
    assert len(CASES) - len(unconfirmed) >= 150
