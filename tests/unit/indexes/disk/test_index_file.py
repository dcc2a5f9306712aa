"""Saved indexes: what comes back is what was saved, and damage is told, never searched."""

import json
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from search_cases import clumped_codes

from hashlens.errors import DataError, FormatError, HashlensError
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
from hashlens.indexes.disk.index_file import MAGIC, read_index_file, write_index_file

clumped = partial(clumped_codes, centers=9, flip=0.05)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def saved(tmp_path, rng):
    """A small saved index, the codes in it, and its bytes."""
    codes = clumped(rng, 300, 32)
    index = MultiIndex(32, tables=2)
    index.add(codes)
    index.remove([5, 6])
    path = tmp_path / "codes.index"
    index.save(path, source="photos")
    return path, codes


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {
        "a": np.arange(7, dtype=np.uint8),
        "b": np.arange(6, dtype=np.int64).reshape(2, 3),
        "empty": np.empty((0, 4), dtype=np.uint32),
    }
    write_index_file(tmp_path / "file", {"kind": "test", "n": 3}, arrays)
    about, found = read_index_file(tmp_path / "file")
    assert about == {"kind": "test", "n": 3}
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable


@pytest.mark.parametrize("ids", [None, "shuffled"])
def test_a_loaded_index_answers_and_changes_like_the_saved_one(tmp_path, rng, ids):
    codes = clumped(rng, 6000)
    chosen = None if ids is None else rng.permutation(20_000)[:6000]
    index = MultiIndex(64)
    index.add(codes[:5000], None if chosen is None else chosen[:5000])
    index.add(codes[5000:], None if chosen is None else chosen[5000:])
    held = np.arange(6000) if chosen is None else chosen
    index.remove(held[:50])
    index.save(tmp_path / "index", source="x")
    loaded = MultiIndex.load(tmp_path / "index", source="x")
    assert len(loaded) == 5950
    for change in (False, True):
        if change:
            for part in (index, loaded):
                part.add(codes[:70])
                part.remove(held[100:130])
        for found, expected in [
            (loaded.search(codes[:40], 20), index.search(codes[:40], 20)),
            (loaded.search_radius(codes[:40], 5), index.search_radius(codes[:40], 5)),
        ]:
            np.testing.assert_array_equal(found.ids, expected.ids)
            np.testing.assert_array_equal(found.distances, expected.distances)


@pytest.mark.parametrize("load", [MultiIndex.load, AutoIndex.load])
def test_files_of_version_1_are_read(load):
    # Written by hashlens before version 2 of the format, from codes and ids as below.
    path = Path(__file__).parents[3] / "data" / "former" / "multi-index-v1.index"
    assert read_header(path)["version"] == 1
    n = np.arange(40)
    codes = np.stack([7 * n % 13, n * n % 31], axis=1).astype(np.uint8)
    ids = 1000 - 3 * n
    expected = LinearIndex(16)
    expected.add(codes, ids)
    expected.remove(ids[::5])
    index = load(path, source="squares")
    for change in (False, True):
        if change:
            for one in (index, expected):
                one.add(codes[:3])
                one.remove(ids[1::5])
        assert index.ids.tolist() == expected.ids.tolist()
        np.testing.assert_array_equal(index.reconstruct(index.ids), expected.reconstruct(index.ids))
        found, wanted = index.search(codes, 7), expected.search(codes, 7)
        np.testing.assert_array_equal(found.ids, wanted.ids)
        np.testing.assert_array_equal(found.distances, wanted.distances)


def test_the_number_of_tables_that_was_asked_for_is_kept(tmp_path, rng):
    index = MultiIndex(64, tables=3)
    index.add(clumped(rng, 200))
    index.save(tmp_path / "index")
    loaded = MultiIndex.load(tmp_path / "index")
    assert loaded.tables == 3
    loaded.add(clumped(rng, 5000))
    assert (
        repr(loaded) == "<MultiIndex: 64 bits, 5,200 codes, 1 segment of 3 tables, 0 recent codes>"
    )


def test_an_empty_index_is_saved(tmp_path):
    MultiIndex(64).save(tmp_path / "index")
    assert len(MultiIndex.load(tmp_path / "index")) == 0


def test_a_file_of_other_codes_is_refused(saved):
    path, _ = saved
    with pytest.raises(FormatError, match="photos"):
        MultiIndex.load(path, source="drawings")


def test_every_flipped_byte_gives_an_error_or_the_same_answers(saved, rng):
    path, codes = saved
    good = path.read_bytes()
    expected = MultiIndex.load(path, source="photos").search(codes[:5], 9)
    header = struct.unpack("<I", good[8:12])[0] + 16
    places = [*range(0, header, 3), *rng.integers(0, len(good), 250).tolist()]
    refused = 0
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bad)
        try:
            found = MultiIndex.load(path, source="photos").search(codes[:5], 9)
        except FormatError:
            refused += 1
            continue
        np.testing.assert_array_equal(found.ids, expected.ids)
    # Only the padding between arrays has no checksum.
    assert refused > 0.8 * len(places)


def test_a_file_cut_short_anywhere_is_refused(saved, rng):
    path, _ = saved
    good = path.read_bytes()
    for length in [0, 1, 7, 8, 12, 15, 16, 100, *rng.integers(0, len(good), 60).tolist()]:
        path.write_bytes(good[:length])
        with pytest.raises(FormatError):
            MultiIndex.load(path, source="photos")


def test_random_bytes_are_refused(tmp_path, rng):
    path = tmp_path / "noise"
    for length in (16, 300, 5000):
        path.write_bytes(rng.bytes(length))
        with pytest.raises(FormatError, match="not a hashlens index"):
            MultiIndex.load(path)
        path.write_bytes(MAGIC + rng.bytes(length))
        with pytest.raises(FormatError):
            MultiIndex.load(path)


def forge(path, change):
    """Rewrite a saved index with changed contents and checksums that match them."""
    about, arrays = read_index_file(path)
    arrays = {name: array.copy() for name, array in arrays.items()}
    change(about, arrays)
    write_index_file(path, about, arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda about, arrays: arrays["0/0/offsets"].__setitem__(9, 2**31),
        lambda about, arrays: arrays["0/1/refs"].__setitem__(0, 10_000),
        lambda about, arrays: arrays["0/1/refs"].__setitem__(0, 2**31 + 10_000),
        lambda about, arrays: arrays["0/group_starts"].__setitem__(-1, 2**31),
        lambda about, arrays: arrays["0/group_rows"].__setitem__(0, 2**32 - 1),
        lambda about, arrays: arrays.pop("0/1/codes"),
        lambda about, arrays: arrays.update({"0/0/codes": arrays["0/0/codes"][:-1]}),
        lambda about, arrays: arrays.update({"0/0/codes": arrays["0/0/codes"][:, :2].copy()}),
        lambda about, arrays: arrays.update({"blocked": np.zeros(1, np.uint8)}),
        lambda about, arrays: arrays.update({"ids": np.zeros(300, np.int64)}),
        lambda about, arrays: arrays.update({"ids": np.arange(300) - 1}),
        lambda about, arrays: about["segments"][0].update(key_bits=24),
        lambda about, arrays: about["segments"][0].update(key_bits=-1),
        lambda about, arrays: about["segments"][0].update(first_row=1),
        lambda about, arrays: about["segments"][0].update(rows=2**40),
        lambda about, arrays: about["segments"][0].update(tables=0),
        lambda about, arrays: about.update(rows=-1),
        lambda about, arrays: about.update(rows=301),
        lambda about, arrays: about.update(bits=40),
        lambda about, arrays: about.update(bits="many"),
        lambda about, arrays: about.update(segments=[]),
        lambda about, arrays: about.update(segments=[3]),
        lambda about, arrays: about.update(kind="graph"),
        lambda about, arrays: about.pop("source"),
        lambda about, arrays: about.update(tables=0),
        lambda about, arrays: about.update(tables=5),
        lambda about, arrays: about.update(tables="many"),
        lambda about, arrays: about.update(next_id=2**54 + 1),
        lambda about, arrays: about.update(next_id=2**70),
    ],
)
def test_forged_contents_are_refused(saved, change):
    path, _ = saved
    forge(path, change)
    with pytest.raises(FormatError):
        MultiIndex.load(path, source="photos")


@pytest.mark.parametrize(
    "change",
    [
        lambda about, arrays: arrays.pop("codes"),
        lambda about, arrays: arrays.update(codes=arrays["codes"][:-1]),
        lambda about, arrays: arrays.update(codes=arrays["codes"][:, :2].copy()),
        lambda about, arrays: arrays.update(codes=arrays["codes"].astype(np.uint32)),
        lambda about, arrays: arrays.update(codes=arrays["codes"].reshape(-1)),
        lambda about, arrays: arrays.update(blocked=np.zeros(1, np.uint8)),
        lambda about, arrays: arrays.update(ids=np.zeros(300, np.int64)),
        lambda about, arrays: about.update(rows=301),
        lambda about, arrays: about.update(bits=12),
        lambda about, arrays: about.update(next_id=-1),
        lambda about, arrays: about.update(kind="multi-index"),
        lambda about, arrays: about.pop("next_id"),
    ],
)
def test_forged_contents_of_a_linear_index_are_refused(tmp_path, rng, change):
    index = LinearIndex(32)
    index.add(clumped(rng, 300, 32))
    index.remove([5, 6])
    path = tmp_path / "index"
    index.save(path)
    forge(path, change)
    for load in (LinearIndex.load, AutoIndex.load):
        with pytest.raises(FormatError):
            load(path)


def read_header(path):
    data = path.read_bytes()
    length = struct.unpack("<I", data[8:12])[0]
    return json.loads(data[16 : 16 + length])


def write_header(path, text):
    """Put another header before the arrays, with a checksum that matches it."""
    data = path.read_bytes()
    length = struct.unpack("<I", data[8:12])[0]
    new = text.encode()
    new += b" " * (-(16 + len(new)) % 64)
    path.write_bytes(
        MAGIC + struct.pack("<II", len(new), zlib.crc32(new)) + new + data[16 + length :]
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [0, 10**30], "crc32": 0},
        {"shape": [0] * 70, "crc32": 0},
        {"shape": [float("inf")]},
        {"shape": [-1]},
        {"offset": 10**30},
        {"crc32": float("inf")},
        {"dtype": []},
    ],
)
def test_forged_entries_of_arrays_are_refused(saved, entry):
    path, _ = saved
    header = read_header(path)
    header["arrays"][0].update(entry)
    write_header(path, json.dumps(header))
    with pytest.raises(FormatError, match="damaged"):
        MultiIndex.load(path, source="photos")


def test_a_header_nested_without_end_is_refused(saved):
    path, _ = saved
    write_header(path, "[" * 200_000)
    with pytest.raises(FormatError, match="not JSON"):
        MultiIndex.load(path, source="photos")


def test_a_newer_format_is_named(saved):
    path, _ = saved
    header = read_header(path)
    header["version"] = 3
    write_header(path, json.dumps(header))
    with pytest.raises(FormatError, match="version 3"):
        MultiIndex.load(path)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_index_file(path, {"n": 1}, {})

    def full(_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HashlensError, match="no space left. What was there before is unchanged"):
        write_index_file(path, {"n": 2}, {})
    assert read_index_file(path)[0] == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


class TestOpen:
    """`AutoIndex.open`: a saved index where it is sound, a scan of the codes where it is not."""

    @staticmethod
    def check(index, codes, denied):
        expected = LinearIndex.from_codes(codes, denied).search(codes[:20], 9)
        np.testing.assert_array_equal(index.search(codes[:20], 9).ids, expected.ids)

    def test_appended_and_denied_codes_are_brought_up_to_date(self, tmp_path, rng):
        codes = clumped(rng, 5000)
        AutoIndex.from_codes(codes[:4500], denied=[1]).save(tmp_path / "index", source="s")
        index = AutoIndex.open(tmp_path / "index", codes, [1, 2, 4700], source="s")
        assert index.is_built
        assert len(index) == 4997
        self.check(index, codes, [1, 2, 4700])

    def test_an_index_that_dropped_its_last_rows_gets_them_back_under_their_ids(
        self, tmp_path, rng
    ):
        codes = clumped(rng, 200)
        index = AutoIndex.from_codes(codes, background=False)
        index.build()
        index.remove(np.arange(50, 200))
        index.save(tmp_path / "index", source="s")
        index = AutoIndex.open(tmp_path / "index", codes, [60], source="s")
        assert index.is_built
        assert len(index) == 199
        self.check(index, codes, [60])

    def test_ids_of_its_own_come_back_with_the_codes_they_belong_to(self, tmp_path, rng):
        codes = clumped(rng, 5000)
        ids = 1_000_000 + rng.permutation(4000)
        index = AutoIndex(64, background=False)
        index.add(codes[:4000], ids)
        index.remove(ids[5:9])
        index.save(tmp_path / "index", source="s")
        index = AutoIndex.open(tmp_path / "index", codes, [ids[2]], source="s")
        assert index.is_built
        kept = np.delete(np.arange(4000), [2, 5, 6, 7, 8])
        assert index.ids.tolist() == [*ids[kept], *range(ids.max() + 1, ids.max() + 1001)]
        np.testing.assert_array_equal(
            index.reconstruct(index.ids), np.delete(codes, [2, 5, 6, 7, 8], axis=0)
        )

    @pytest.mark.parametrize("own", [True, False])
    def test_ids_whose_codes_are_unknown_are_refused(self, tmp_path, rng, own):
        codes = clumped(rng, 200)
        index = MultiIndex(64)
        index.add(codes, ids=np.arange(200) + 1_000_000 * own)
        index.remove(index.ids[:150])  # so that rows are renumbered
        index.save(tmp_path / "index", source="s")
        if own:
            with pytest.raises(DataError, match=r"AutoIndex\.load"):
                AutoIndex.open(tmp_path / "index", codes, source="s")
        else:
            denied = np.arange(150)
            self.check(AutoIndex.open(tmp_path / "index", codes, denied, source="s"), codes, denied)

    @pytest.mark.parametrize("denied", [[-1], [300], [1, 1]])
    @pytest.mark.parametrize("is_there", [True, False])
    def test_ids_to_deny_that_there_are_not_are_refused(self, tmp_path, rng, denied, is_there):
        codes = clumped(rng, 300)
        if is_there:
            AutoIndex.from_codes(codes).save(tmp_path / "index", source="s")
        with pytest.raises(DataError):
            AutoIndex.open(tmp_path / "index", codes, denied, source="s")

    @pytest.mark.parametrize("kind", ["missing", "damaged", "stale", "longer", "resurrected"])
    def test_an_unsound_file_is_not_used(self, tmp_path, rng, kind):
        codes = clumped(rng, 5000)
        path = tmp_path / "index"
        if kind != "missing":
            denied = [7] if kind == "resurrected" else None
            AutoIndex.from_codes(codes, denied).save(path, source="old" if kind == "stale" else "s")
        if kind == "damaged":
            path.write_bytes(path.read_bytes()[:-700])
        served = codes[:4000] if kind == "longer" else codes
        index = AutoIndex.open(path, served, source="s", background=False)
        assert not index.is_built
        self.check(index, served, None)
