"""What a crafted image may cost: bounded memory, bounded time, and no more than one process."""

import contextlib
import io
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import Fit, decode_image, decoder_pool, limits, map_ordered
from hashlens.images.fit import fit_image

pytestmark = pytest.mark.heavy

FIT = Fit(32)


def encoded(image, file_format, **options):
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, channels=1):
    color_type = {1: 0, 3: 2, 4: 6}[channels]
    body = zlib.compress(bytes((1 + width * channels) * height), 1)
    header = struct.pack(">IIBBBBB", width, height, 8, color_type, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def tiff(tags):
    """A TIFF of one directory; ``tags`` are (tag, "H" or "L", values)."""
    at = 8 + 2 + 12 * len(tags) + 4
    directory, tail = struct.pack("<H", len(tags)), b""
    for tag, kind, values in sorted(tags):
        body = struct.pack(f"<{len(values)}{kind}", *values)
        directory += struct.pack("<HHL", tag, {"H": 3, "L": 4}[kind], len(values))
        if len(body) > 4:
            directory += struct.pack("<L", at + len(tail))
            tail += body
        else:
            directory += body.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<L", 8) + directory + bytes(4) + tail


def tile_bomb(side, bits=8, photometric=1):
    tags = [(256, "L", [100]), (257, "L", [100]), (258, "H", [bits]), (259, "H", [8])]
    tags += [(262, "H", [photometric]), (277, "H", [1]), (322, "L", [side]), (323, "L", [side])]
    tags += [(324, "L", [200]), (325, "L", [40])]
    return tiff(tags).ljust(200, b"\0") + zlib.compress(bytes(1000)).ljust(900, b"\0")


def strip_bomb(count, bits=8, photometric=1):
    tags = [(256, "L", [1]), (257, "L", [count]), (258, "H", [bits]), (259, "H", [1])]
    tags += [(262, "H", [photometric]), (277, "H", [1]), (278, "L", [1])]
    return tiff([*tags, (273, "L", [8] * count), (279, "L", [bits // 8] * count)])


def dds(side):
    """A texture with masks that Pillow decodes pixel by pixel, in Python."""
    header = struct.pack("<7L", 124, 0x100F, side, side, side * 4, 0, 0) + bytes(44)
    masks = struct.pack("<8L", 32, 0x41, 0, 32, 0xFF00, 0xFF0000, 0xFF, 0xFF000000)
    return (
        b"DDS " + header + masks + struct.pack("<5L", 0x1000, 0, 0, 0, 0) + bytes(side * side * 4)
    )


def ico(content):
    entry = struct.pack("<BBBBHHLL", 0, 0, 0, 0, 1, 32, len(content), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + content


def rle_bmp(side):
    row = bytes([255, 7]) * (side // 255) + bytes([side % 255, 7, 0, 0])
    body = row * side + b"\0\1"
    header = struct.pack("<LllHHLLllLL", 40, side, side, 1, 8, 1, len(body), 0, 0, 256, 0)
    start = b"BM" + struct.pack("<LHHL", 54 + 1024 + len(body), 0, 0, 54 + 1024)
    return start + header + bytes(1024) + body


def peak_megabytes(process="self"):
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


HOSTILE = {
    "one giant tile": lambda: tile_bomb(46_000),
    "one giant tile of 16 bits, white is zero": lambda: tile_bomb(46_000, 16, 0),
    "many strips": lambda: strip_bomb(400_000),
    "many strips of 16 bits, white is zero": lambda: strip_bomb(400_000, 16, 0),
    "an icon with a large PNG": lambda: ico(png(10_000, 9_000)),
    "a row of 70 million pixels": lambda: png(70_000_000, 1),
    "a column of 30 million pixels": lambda: png(1, 30_000_000),
    "a texture of 80 megapixels": lambda: dds(8_000),
    "a QOI of 80 megapixels": lambda: (
        b"qoif"
        + struct.pack(">IIBB", 8900, 8900, 4, 0)
        + b"\xfd" * (8900 * 8900 // 62 + 10)
        + bytes(7)
        + b"\1"
    ),
    "a WebP of 75 megapixels": lambda: encoded(Image.new("L", (8660, 8660)), "WEBP", method=0)[
        :200
    ],
}


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs /proc")
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_images_are_read_or_refused_within_memory_and_time(make):
    data = make()
    decode_image(encoded(Image.new("L", (9, 9)), "TIFF"), FIT)
    Path("/proc/self/clear_refs").write_text("5")
    before, start = peak_megabytes(), os.times()
    with contextlib.suppress(ImageError):
        decode_image(data, FIT)
    end = os.times()
    assert peak_megabytes() - before < 512
    assert sum(end[:2]) - sum(start[:2]) < 6


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    "make",
    [
        lambda: png(8_900, 8_900),
        lambda: png(7_500, 7_500, 4),
        lambda: png(8_900, 8_900, 3),
        lambda: rle_bmp(5_000),
    ],
)
def test_large_images_are_read_within_memory(make):
    data = make()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_megabytes()
    assert decode_image(data, FIT).shape == (32, 32, 3)
    assert peak_megabytes() - before < 512


def test_halves_of_a_large_image_are_nearly_the_same_pixels(monkeypatch):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 60, 4)).astype(np.uint8))
    data = encoded(picture.resize((600, 400), Image.Resampling.BICUBIC), "PNG")
    expected = decode_image(data, FIT).astype(int)
    monkeypatch.setattr("hashlens.images.square.MAX_DECODE_BYTES", 500_000)
    assert np.abs(decode_image(data, FIT).astype(int) - expected).mean() < 2


def test_long_strips_are_shortened_before_they_are_resampled():
    strip = Image.fromarray(np.arange(200_000, dtype=np.float32).reshape(1, -1) / 784).convert(
        "RGB"
    )
    shortened = fit_image(strip, Fit(224)).astype(int)
    assert np.abs(shortened[0, :, 0] - np.linspace(0, 255, 224)).max() <= 2


def test_a_decoder_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(limits, "MAX_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(ImageUnavailableError, match="0.3 s"):
        decode_image(dds(3_000), FIT)
    assert time.monotonic() - start < 10
    assert decode_image(dds(20), FIT).shape == (32, 32, 3)


def test_a_watched_file_ends_after_its_time(monkeypatch):
    monkeypatch.setattr(limits.Deadline.__init__, "__defaults__", (0.2,))
    slow = b"P3 2000 2000 255\n" + b"1 2 3 " * 4_000_000
    with pytest.raises(ImageUnavailableError, match="limit"):
        decode_image(slow, FIT)


def test_a_decoder_that_crashes_costs_one_image(monkeypatch):
    def crash(self, *arguments):
        self._process.send_signal(signal.SIGSEGV)
        self._process.wait()
        return original(self, *arguments)

    data = encoded(Image.new("L", (9, 9)), "TIFF")
    original = decoder_pool._Worker.ask
    with monkeypatch.context() as patch:
        patch.setattr(decoder_pool._Worker, "ask", crash)
        with pytest.raises(ImageError, match="crashed"):
            decode_image(data, FIT)
    assert decode_image(data, FIT).shape == (32, 32, 3)


def test_what_libraries_print_does_not_reach_stderr(capfd):
    data = bytearray(encoded(Image.new("L", (64, 64), 3), "TIFF", compression="tiff_lzw"))
    data[8:40] = b"\xff" * 32
    with pytest.raises(ImageError):
        decode_image(bytes(data), FIT)
    assert capfd.readouterr().err == ""


def test_images_wait_for_memory_that_others_hold():
    budget, order = limits.Budget(100_000_000), []

    def second():
        with budget.hold(60_000_000):
            order.append("second")

    with budget.hold(60_000_000):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    with budget.hold(10**12):  # Who needs more than there is gets all of it.
        pass


def test_who_waits_for_memory_can_be_stopped():
    budget, stop, errors = limits.Budget(50_000_000), threading.Event(), []

    def waits():
        limits.set_stop(stop)
        try:
            with budget.hold(50_000_000):
                pass
        except limits.StoppedError as error:
            errors.append(error)

    with budget.hold(50_000_000):
        thread = threading.Thread(target=waits)
        thread.start()
        stop.set()
        thread.join(timeout=5)
    assert len(errors) == 1


def test_what_is_being_decoded_is_given_up_when_the_consumer_stops():
    slow = dds(4_000)
    outcomes = map_ordered(lambda data: decode_image(data, FIT), [png(9, 9), slow], threads=2)
    next(outcomes)
    start = time.monotonic()
    outcomes.close()
    assert time.monotonic() - start < 2


INTERRUPTED = """
import sys
from pathlib import Path
from hashlens.images import Fit, decode_image, map_ordered
data = Path(sys.argv[1]).read_bytes()
print("ready", flush=True)
list(map_ordered(lambda item: decode_image(data, Fit(32)), range(8), threads=2))
"""


@pytest.mark.parametrize("kind", ["apart", "here"])
def test_an_interrupt_ends_the_program_soon(tmp_path, kind):
    slow = dds(4_000) if kind == "apart" else b"P3 2000 2000 255\n" + b"1 2 3 " * 4_000_000
    (tmp_path / "slow").write_bytes(slow)
    program = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "slow")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert program.stdout.readline() == b"ready\n"
    time.sleep(0.7)
    program.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, said = program.communicate(timeout=60)
    assert time.monotonic() - start < 3  # A second, on a machine that is not busy.
    assert b"KeyboardInterrupt" in said
