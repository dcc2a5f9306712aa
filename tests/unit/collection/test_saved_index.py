"""The saved index changes no result, and is used only while it is of the collection's codes."""

import errno
import os
import stat

import numpy as np
import pytest

from hashlens.codes import hamming_distance
from hashlens.collection import Collection
from hashlens.collection.indexed import CollectionIndex
from hashlens.collection.store import Change, FileRow
from hashlens.errors import CollectionError, CollectionLockedError, HashlensError, ParameterError
from hashlens.indexes import AutoIndex
from hashlens.indexes.auto.forecast import Forecast
from hashlens.indexes.disk.index_file import read_index_file, write_index_file


@pytest.fixture
def eager(monkeypatch):
    """Open the saved index at once, however small it is."""
    monkeypatch.setattr(CollectionIndex, "worth_opening", 0)
    monkeypatch.setattr(CollectionIndex, "cost_of_opening", 0.0)


@pytest.fixture
def plain(tmp_path, model):
    with Collection.create(tmp_path / "plain", model) as made:
        yield made


def put(collection, codes, prefix="image"):
    """Commit codes as if images had been indexed; return their paths."""
    paths = [f"/{prefix}/{number:05d}" for number in range(len(codes))]
    collection._storage.commit(
        [
            Change(FileRow(path, 1, 1, None, None), code)
            for path, code in zip(paths, codes, strict=True)
        ]
    )
    return paths


def some_codes(count, seed, alphabet=4):
    """Codes of 64 bits of which many are near each other and some are equal."""
    return np.random.default_rng(seed).integers(0, alphabet, (count, 8)).astype(np.uint8)


def check(collection, built):
    """Compare searches with a naive scan, and whether an index answers them with ``built``."""
    queries = some_codes(9, 99)
    with collection._storage.snapshot() as snapshot:
        index = collection._index.at(snapshot, len(queries))
        assert index.is_built == built
        live = snapshot.live
        distances = hamming_distance(queries[:, None], snapshot.codes[live][None])
        near, within = index.search(queries, 7), index.search_radius(queries, 5)
        for row, found in enumerate(distances):
            order = np.argsort(found, kind="stable")
            k = near.counts[row]
            assert k == min(7, len(live))
            np.testing.assert_array_equal(near.ids[row, :k], live[order[:7]])
            np.testing.assert_array_equal(near.distances[row, :k], found[order[:7]])
            expected = order[found[order] <= 5]
            np.testing.assert_array_equal(within.ids[row, : within.counts[row]], live[expected])


def test_hits_are_the_same_with_and_without_it(collection, photos, picture, model, eager):
    collection.index([photos])
    queries = [photos / "a/04.png", picture(photos.parent / "q.png", 123)]
    asked = [{"k": 5}, {"radius": 20}, {"k": 3, "radius": 30}, {"k": 4, "rerank": True}]
    without = [collection.search(query, **how) for query in queries for how in asked]
    collection.build_index()
    with Collection.open(collection.folder, model=model) as reader:
        assert [reader.search(query, **how) for query in queries for how in asked] == without
        assert reader._index._index.is_built
    collection.remove([photos / "a/04.png"])
    picture(photos / "a/20.png", 20)
    collection.index([photos / "a/20.png"])
    with Collection.open(collection.folder, model=model) as reader:
        hits = reader.search(photos / "a/04.png", k=20)
        assert reader._index._index.is_built
    paths = {hit.path for hit in hits}
    assert len(hits) == 12
    assert str(photos / "a/20.png") in paths
    assert str(photos / "a/04.png") not in paths


def test_it_serves_what_was_appended_and_not_what_was_removed(plain, eager):
    paths = put(plain, some_codes(200, 1))
    plain._storage.remove(paths[:20])
    plain.build_index()
    put(plain, some_codes(30, 2), "later")
    put(plain, some_codes(5, 3), "image")  # The first five paths come back with other codes.
    plain._storage.remove([*paths[40:60], "/later/00003"])
    check(plain, built=True)
    assert plain.info().saved_index == "fresh"
    with Collection.open(plain.folder) as reader:
        check(reader, built=True)


def test_a_reader_that_stays_open_follows_the_writer(plain, eager):
    put(plain, some_codes(100, 1))
    plain.build_index()
    with Collection.open(plain.folder) as reader:
        check(reader, built=True)
        followed = reader._index._index
        paths = put(plain, some_codes(40, 2), "later")
        plain._storage.remove(paths[::3])
        check(reader, built=True)
        assert reader._index._index is followed
        plain._storage.compact()
        check(reader, built=False)
        plain.build_index()
        check(reader, built=True)


@pytest.mark.parametrize("step", ["add", "remove"])
def test_an_interrupted_search_does_not_spoil_later_ones(plain, eager, monkeypatch, step):
    paths = put(plain, some_codes(100, 1))
    plain.build_index()
    check(plain, built=True)
    put(plain, some_codes(40, 2), "later")
    plain._storage.remove(paths[:7])

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AutoIndex, step, interrupt)
        with pytest.raises(KeyboardInterrupt):
            check(plain, built=True)
    check(plain, built=True)


def test_compaction_makes_it_stale(plain, eager):
    paths = put(plain, some_codes(100, 1))
    plain.build_index()
    plain._storage.remove(paths[:10])
    plain._storage.compact()
    assert plain.info().saved_index == "stale"
    assert plain.verify() == []
    check(plain, built=False)
    plain.build_index()
    assert plain.info().saved_index == "fresh"
    check(plain, built=True)


def test_an_index_of_other_codes_is_ignored(plain, model, eager, tmp_path):
    put(plain, some_codes(50, 1))
    put(plain, some_codes(10, 2), "second")
    saved = plain.build_index().read_bytes()
    with Collection.create(tmp_path / "other", model) as other:
        # As many codes, in commits of the same sizes, by the same model.
        put(other, some_codes(50, 3))
        put(other, some_codes(10, 4), "second")
        (other.folder / "codes.index").write_bytes(saved)
        assert other.info().saved_index == "stale"
        check(other, built=False)
    with Collection.create(tmp_path / "shorter", model) as shorter:
        put(shorter, some_codes(50, 1))
        (shorter.folder / "codes.index").write_bytes(saved)
        assert shorter.info().saved_index == "stale"
        check(shorter, built=False)


@pytest.mark.parametrize("where", [0, 20, 0.3, 0.6, -1], ids=str)
def test_a_damaged_file_is_ignored_named_by_verify_and_rebuilt(plain, eager, where):
    put(plain, some_codes(300, 1))
    path = plain.build_index()
    data = bytearray(path.read_bytes())
    data[int(where * len(data)) if isinstance(where, float) else where] ^= 4
    path.write_bytes(data)
    with Collection.open(plain.folder) as reader:
        check(reader, built=False)
        assert [str(path) in sentence for sentence in reader.verify()] == [True]
    plain.build_index()
    with Collection.open(plain.folder) as reader:
        assert reader.verify() == []
        check(reader, built=True)


@pytest.mark.parametrize("content", [b"", b"HLINDEX\n", b"something else"])
def test_a_foreign_file_is_ignored_and_replaced(plain, eager, content):
    put(plain, some_codes(30, 1))
    path = plain.folder / "codes.index"
    path.write_bytes(content)
    assert plain.info().saved_index == "damaged"
    check(plain, built=False)
    plain._tidy()
    assert plain.info().saved_index == "fresh"


def test_changes_renew_it_when_it_is_stale_or_lacks_much(plain):
    put(plain, some_codes(100, 1))
    plain._tidy()
    assert plain.info().saved_index == "none", "nobody asked for an index"
    path = plain.build_index()
    before = path.stat().st_ino
    put(plain, some_codes(20, 2), "few")
    plain._tidy()
    assert path.stat().st_ino == before
    put(plain, some_codes(20, 3), "more")
    plain._tidy()
    assert path.stat().st_ino != before
    plain._storage.remove(["/few/00000"])
    plain._storage.compact()
    plain._tidy()
    assert plain.info().saved_index == "fresh"


def test_few_searches_scan_and_many_open_it(plain, monkeypatch):
    monkeypatch.setattr(CollectionIndex, "worth_opening", 0)
    put(plain, some_codes(200, 1, alphabet=256))
    size = plain.build_index().stat().st_size
    enough = int(10 * size / (200 * 8)) + 1
    with Collection.open(plain.folder) as reader, reader._storage.snapshot() as snapshot:
        index = reader._index
        assert not index.at(snapshot, 1).is_built
        assert not index.at(snapshot, enough - 2).is_built
        assert index.at(snapshot, 1).is_built


def test_without_a_file_the_second_search_builds_one_in_memory(plain, monkeypatch):
    monkeypatch.setattr(CollectionIndex, "worth_opening", 0)
    monkeypatch.setattr(AutoIndex, "worth_building", 0)
    monkeypatch.setattr(
        "hashlens.indexes.auto.outlook.forecast_shells",
        lambda *_, **__: Forecast(worthwhile=True, reason=""),
    )
    put(plain, some_codes(500, 1))
    queries = some_codes(1, 5)
    with Collection.open(plain.folder) as reader:
        for search in (1, 2):
            with reader._storage.snapshot() as snapshot:
                index = reader._index.at(snapshot, 1)
                index.search(queries, 3)
            assert index.background == (search == 2)
        build = index._build
        if build is not None:
            build.wait()
        paths = put(plain, some_codes(9, 6), "later")
        plain._storage.remove(paths[:2])
        check(reader, built=True)
        assert reader.info().saved_index == "none"


def test_an_empty_collection_has_an_index_too(plain, eager):
    plain.build_index()
    assert plain.info().saved_index == "fresh"
    put(plain, some_codes(20, 1))
    with Collection.open(plain.folder) as reader:
        check(reader, built=reader._index.examine().state == "fresh")


def test_building_needs_the_writers_lock(plain):
    with Collection.open(plain.folder) as reader, pytest.raises(CollectionError, match="write"):
        reader.build_index()
    with pytest.raises(CollectionLockedError):
        Collection.open(plain.folder, write=True)


def test_a_file_that_does_not_say_of_which_codes_it_is_is_stale(plain):
    put(plain, some_codes(50, 1))
    path = plain.build_index()
    about, arrays = read_index_file(path)
    del about["source"]
    about["rows"] = 49  # no commit ended there, so nothing names these codes either
    write_index_file(path, about, {name: array.copy() for name, array in arrays.items()})
    assert plain.info().saved_index == "stale"


def test_too_little_memory_for_a_build_is_told(plain, monkeypatch):
    put(plain, some_codes(50, 1))

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("hashlens.indexes.auto.builds.MultiIndex.from_rows", fail)
    with pytest.raises(CollectionError, match="too little memory"):
        plain.build_index()
    assert plain.info().saved_index == "none"


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_build_that_fails_leaves_the_old_file(plain, monkeypatch, name):
    put(plain, some_codes(50, 1))
    path = plain.build_index()
    old = path.read_bytes()
    put(plain, some_codes(5, 2), "later")

    def no_space(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, name, no_space)
        with pytest.raises(
            HashlensError, match="No space left on device. What was there before is"
        ):
            plain.build_index()
    assert path.read_bytes() == old
    assert [entry.name for entry in plain.folder.glob("*codes.index*")] == ["codes.index"]
    assert plain.info().saved_index == "fresh"


def test_a_build_removes_what_a_killed_one_left(plain):
    strays = [
        plain.folder / f".codes.index.{32 * 'a'}",
        plain.folder / f"..codes.index.{32 * 'a'}.{32 * 'b'}",
    ]
    for stray in strays:
        stray.write_bytes(b"half an index")
    path = plain.build_index()
    assert not any(stray.exists() for stray in strays)
    assert path.exists()


def test_the_file_is_never_seen_with_another_mode_than_the_catalog(plain, monkeypatch):
    catalog = plain.folder / "catalog.sqlite"
    catalog.chmod(0o640)
    modes = []
    replace = os.replace

    def note(source, target):
        replace(source, target)
        if os.fspath(target).endswith("codes.index"):
            modes.append(stat.S_IMODE(os.stat(target).st_mode))

    monkeypatch.setattr(os, "replace", note)
    plain.build_index()
    assert modes == [0o640]


@pytest.mark.parametrize("k", [1, 3, 500])
@pytest.mark.parametrize("saved", [False, True])
def test_the_knn_graph_is_that_of_a_naive_search(plain, eager, k, saved):
    codes = some_codes(150, 1, alphabet=2)
    codes[40:60] = codes[40]  # More equal codes than neighbors.
    paths = put(plain, codes)
    if saved:
        plain.build_index()
    plain._storage.remove(paths[10:20])
    graph = plain.knn_graph(k)
    live = np.delete(np.arange(150), range(10, 20))
    distances = hamming_distance(codes[live][:, None], codes[live][None]).astype(np.int64)
    np.fill_diagonal(distances, 1000)
    expected = np.argsort(distances, axis=1, kind="stable")[:, : min(k, 139)]
    assert graph.paths == [paths[slot] for slot in live]
    np.testing.assert_array_equal(graph.neighbors, expected)
    np.testing.assert_array_equal(graph.distances, np.take_along_axis(distances, expected, 1))
    assert plain._index._index.is_built == saved


def test_the_knn_graph_of_almost_nothing_has_no_neighbors(plain):
    for number in range(2):
        graph = plain.knn_graph(3)
        assert len(graph.paths) == number
        assert graph.neighbors.shape == graph.distances.shape == (number, 0)
        put(plain, some_codes(1, 1))
    with pytest.raises(ParameterError):
        plain.knn_graph(0)
