"""Files of indexes: what may happen to them, and what they may do to the process."""

import json
import os
import stat
import struct
import subprocess
import sys
import time
import zlib
from functools import partial

import numpy as np
import pytest
from search_cases import clumped_codes

from hashlens.errors import FormatError, HashlensError
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
from hashlens.indexes.disk.index_file import MAGIC, read_index_file, write_index_file

clumped = partial(clumped_codes, centers=9, flip=0.05)
CODES = clumped(np.random.default_rng(3), 300, 32)


@pytest.fixture(params=[LinearIndex, MultiIndex, AutoIndex])
def saved(request, tmp_path):
    """A saved index, and its class."""
    index = request.param(32)
    index.add(CODES, ids=np.arange(300)[::-1] * 3)
    index.remove([9, 12])
    index.save(tmp_path / "index")
    return tmp_path / "index", request.param


def answers(index):
    return index.search(CODES[:20], 9).ids.tolist()


def test_an_index_that_was_read_depends_on_its_file_no_longer(saved):
    path, cls = saved
    index, expected = cls.load(path, map=False), answers(cls.load(path))
    path.write_bytes(b"")
    assert answers(index) == expected
    index.add(CODES[:5])
    index.remove([15])
    assert len(index) == 302


def test_the_file_is_verified_even_if_it_is_not_mapped(saved):
    path, cls = saved
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="checksum"):
        cls.load(path, map=False)


def test_saving_to_the_mapped_file_leaves_the_mapping_alone(saved):
    path, cls = saved
    index = cls.load(path)
    expected = answers(index)
    other = cls(32)
    other.add(CODES[:3])
    other.save(path)
    assert answers(index) == expected
    index.save(path)
    assert answers(cls.load(path)) == expected


def test_a_mapped_file_that_is_overwritten_never_leads_out_of_its_arrays(tmp_path):
    """In a process of its own, as a crash would end it."""
    script = """
import sys
import numpy as np
from hashlens.indexes import MultiIndex
rng = np.random.default_rng(0)
codes = rng.integers(0, 256, (20_000, 8), dtype=np.uint8)
codes[10_000:15_000] = codes[:5_000]
index = MultiIndex.from_codes(codes)
index.save(sys.argv[1])
index = MultiIndex.load(sys.argv[1])
size = len(open(sys.argv[1], "rb").read())
for byte in (255, 128, 1, 0):
    for kind in range(3):
        with open(sys.argv[1], "rb+") as file:
            noise = rng.integers(0, 256, size, dtype=np.uint8) if kind else np.uint8([byte] * size)
            if kind == 2:
                noise[3::4] &= 0x80  # small numbers and groups
                noise[2::4] = 0
            file.write(noise.tobytes())
        index.search(codes[:50], 10)
        index.search(codes[:1], 10)
        index.search(codes[:20], 5000)
        index.search_radius(codes[:20], 30)
        index.reconstruct(index.ids[:10])
print("survived")
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "index")], capture_output=True, text=True
    )
    assert done.stdout == "survived\n", (done.returncode, done.stderr)


def forge(path, about, arrays, entries=None):
    """Write an index file that is whole but claims things that are not so."""
    write_index_file(path, about, arrays)
    if entries is not None:
        data = path.read_bytes()
        length = struct.unpack("<I", data[8:12])[0]
        text = json.dumps(json.loads(data[16 : 16 + length]) | {"arrays": entries}).encode()
        text += b" " * (-(16 + len(text)) % 64)
        start = MAGIC + struct.pack("<II", len(text), zlib.crc32(text))
        path.write_bytes(start + text + data[16 + length :])


def claims(each, segments=1, **changed):
    about = {"kind": "multi-index", "bits": 64, "rows": each * segments, "next_id": 0, "source": ""}
    segment = {"key_bits": 1, "rows": each, "tables": 1}
    about["segments"] = [segment | {"first_row": each * number} for number in range(segments)]
    arrays = {}
    for number in range(segments):
        arrays |= {
            f"{number}/group_starts": np.zeros(1, np.uint32),
            f"{number}/group_rows": np.zeros(0, np.uint32),
            f"{number}/0/offsets": np.zeros(3, np.uint32),
            f"{number}/0/codes": np.zeros((0, 8), np.uint8),
            f"{number}/0/refs": np.zeros(0, np.uint32),
        }
    return about | changed, arrays


def entry(shape, **changed):
    checksum = zlib.crc32(bytes(100))
    array = {"name": "a", "dtype": "uint32", "shape": shape, "offset": 0, "crc32": checksum}
    return array | changed


FORGERIES = {
    "many rows without codes": claims(2**31 - 1),
    "many segments without codes": claims(2**31 - 1, segments=5),
    "many rows without segments": claims(0, segments=0, rows=2**40),
    "ids without end": claims(2**31 - 1, next_id=2**54),
}


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_small_forged_file_costs_neither_memory_nor_time(tmp_path, name):
    forge(tmp_path / "index", *FORGERIES[name])
    assert (tmp_path / "index").stat().st_size < 8192
    script = """
import resource, sys, time
import numpy as np
from hashlens.errors import HashlensError
from hashlens.indexes import AutoIndex, MultiIndex
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 100 * 2**20,) * 2)
start = time.perf_counter()
for map in (True, False):
    for cls in (MultiIndex, AutoIndex):
        try:
            index = cls.load(sys.argv[1], map=map)
            index.search(np.zeros((1, 8), np.uint8), 3)
            index.add(np.zeros((1, 8), np.uint8))
        except HashlensError:
            print("refused")
assert time.perf_counter() - start < 0.5
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "index")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused") == 4


@pytest.mark.parametrize(
    "entries",
    [
        [entry([25], name=f"a{number}") for number in range(1000)],  # all of them in one place
        [entry([2**62]), entry([25])],
        [entry([25, *[1] * 70])],
        [entry([25], offset=128), entry([25], offset=0)],
    ],
    ids=["overlapping", "huge", "many dimensions", "backwards"],
)
def test_arrays_that_are_not_one_after_the_other_are_refused(tmp_path, entries):
    path = tmp_path / "index"
    forge(path, {}, {"a": np.zeros(100, np.uint32)}, entries)
    with pytest.raises(FormatError, match="another array|impossible shape"):
        read_index_file(path)


@pytest.mark.parametrize("dtype", [">u4", "<u4", ">i8", "<i8", "u1"])
def test_numbers_are_little_endian_on_every_machine(tmp_path, dtype):
    array = np.arange(200, 232).astype(dtype)
    write_index_file(tmp_path / "index", {}, {"numbers": array})
    little = array.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
    assert (tmp_path / "index").read_bytes().endswith(little)
    found = read_index_file(tmp_path / "index")[1]["numbers"]
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.tolist() == list(range(200, 232))


@pytest.mark.skipif(os.name == "nt", reason="permissions and links are POSIX's")
def test_permissions_are_those_of_new_files_and_links_stay(saved, tmp_path):
    path, cls = saved
    index = cls.load(path)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    (tmp_path / "real").write_text("old")
    before = os.umask(0o027)
    try:
        index.save(tmp_path / "new")
        index.save(link)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert link.is_symlink()
    assert answers(cls.load(tmp_path / "real")) == answers(index)
    assert {file.name for file in tmp_path.iterdir()} == {"index", "new", "link", "real"}


# Mutations of a file: a flipped bit, a changed number, a part that was moved, dropped or repeated.


def mutate(rng, data):
    bad = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(0, len(bad)))
        size = int(rng.integers(1, 40))
        kind = rng.integers(0, 6)
        if kind == 0:
            bad[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            bad[at] = int(rng.choice([0, 1, 9, 48, 57, 127, 128, 255]))
        elif kind == 2:
            bad[at : at + 4] = struct.pack(
                "<I", int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
            )
        elif kind == 3:
            del bad[at : at + size]
        elif kind == 4:
            bad[at:at] = bad[at : at + size]
        else:
            to = int(rng.integers(0, len(bad)))
            bad[to : to + size] = bad[at : at + size]
        if not bad:
            break
    return bytes(bad)


def repaired(data):
    """Return a file with checksums that match what it holds, so that all else is examined."""
    if len(data) < 16:
        return data
    length = struct.unpack("<I", data[8:12])[0]
    text, rest = data[16 : 16 + length], data[16 + length :]
    try:
        header = json.loads(text)
        for array in header["arrays"]:
            size = int(np.prod(array["shape"])) * {"uint8": 1, "uint32": 4}.get(array["dtype"], 8)
            array["crc32"] = zlib.crc32(rest[array["offset"] : array["offset"] + size])
        text = json.dumps(header).encode()
        text += b" " * (-(16 + len(text)) % 64)
    except (ValueError, TypeError, KeyError, OverflowError):
        pass
    return MAGIC + struct.pack("<II", len(text), zlib.crc32(text)) + text + rest


def check_mutations(path, cls, count, seed):
    """Damage is told, or makes no difference; behind repaired checksums it may not do harm."""
    rng = np.random.default_rng(seed)
    good = path.read_bytes()
    expected = answers(cls.load(path))
    refused = answered = 0
    for number in range(count):
        bad = mutate(rng, good)
        if number % 2:
            bad = repaired(bad)
        path.unlink()  # never write into a file that is mapped
        path.write_bytes(bad)
        start = time.perf_counter()
        try:
            index = cls.load(path, map=bool(number % 3))
            found = answers(index)
            if number % 2:
                index.search_radius(CODES[:3], 5)
                index.reconstruct(index.ids[:5])
                index.add(CODES[:2])
                index.remove(index.ids[::3])
            else:
                assert found == expected
            answered += 1
        except HashlensError:
            refused += 1
        assert time.perf_counter() - start < 5
    path.unlink()
    path.write_bytes(good)
    assert refused > count / 2
    assert answered > count / 100


def test_mutated_files_are_refused_or_answer(saved):
    check_mutations(*saved, count=700, seed=1)


@pytest.mark.slow
def test_a_hundred_thousand_mutated_files_are_refused_or_answer(saved):
    check_mutations(*saved, count=35_000, seed=2)
