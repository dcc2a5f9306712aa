"""One suite for every index: each must equal the naive scan, ids and distances."""

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
from document import run_python
from search_cases import ManySegments, clumped_codes

from hashlens.codes import hamming_distance
from hashlens.errors import DataError, FormatError, ParameterError
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
from hashlens.native import MAX_ID


class GivesUp(MultiIndex):
    """A multi-index whose queries give up midway and are scanned."""

    recent_limit = 300
    budget = 0.05


class BuiltEarly(AutoIndex):
    """An index that plans, and has a multi-index to choose from the second code on."""

    def __init__(self, bits, *, background=False):
        super().__init__(bits, background=background)

    def add(self, codes, ids=None):
        super().add(codes, ids)
        self.build()


def index_of_the_guide():
    """Return the class that docs/adding-an-index.md defines, and run the page's example."""
    return run_python(Path(__file__).parents[2] / "docs" / "adding-an-index.md").OnesIndex


INDEXES = [
    LinearIndex,
    MultiIndex,
    ManySegments,
    GivesUp,
    AutoIndex,
    BuiltEarly,
    index_of_the_guide(),
]
BITS = [8, 24, 32, 48, 64, 96, 128, 256, 512]


def naive(codes, ids, queries, k=None, radius=None):
    """Return, for each query, (ids, distances) of its neighbors by sorting all codes."""
    rows = []
    for query in queries:
        distances = hamming_distance(query[None], codes)
        order = np.lexsort((ids, distances))
        if radius is not None:
            order = order[distances[order] <= radius]
        order = order[:k]
        rows.append((ids[order], distances[order]))
    return rows


def assert_equals(result, expected):
    for q, (ids, distances) in enumerate(expected):
        count = result.counts[q]
        assert count == len(ids)
        np.testing.assert_array_equal(result.ids[q, :count], ids)
        np.testing.assert_array_equal(result.distances[q, :count], distances)
        assert (result.ids[q, count:] == -1).all()
        assert (result.distances[q, count:] == -1).all()


@pytest.fixture(params=INDEXES, ids=lambda cls: cls.__name__)
def make_index(request):
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("clumped", [False, True], ids=["uniform", "clumped"])
def test_search_equals_the_naive_scan(make_index, rng, bits, clumped):
    n = 1500
    codes = (
        clumped_codes(rng, n, bits) if clumped else rng.integers(0, 256, (n, bits // 8), np.uint8)
    )
    queries = np.concatenate([codes[:6], rng.integers(0, 256, (7, bits // 8), np.uint8)])
    index = make_index(bits)
    index.add(codes)
    for k in (1, 10, 700, n):
        assert_equals(index.search(queries, k), naive(codes, np.arange(n), queries, k=k))
    for radius in (0, 1, bits // 8, bits // 3, bits):
        found = index.search_radius(queries, radius)
        assert_equals(found, naive(codes, np.arange(n), queries, radius=radius))


@pytest.mark.parametrize("bits", [32, 64, 128, 200])
def test_large_batches_equal_single_queries(make_index, rng, bits):
    codes = clumped_codes(rng, 3000, bits)
    queries = clumped_codes(rng, 300, bits)
    index = make_index(bits)
    index.add(codes)
    batch = index.search(queries, 10)
    for q in range(0, 300, 37):
        single = index.search(queries[q : q + 1], 10)
        np.testing.assert_array_equal(single.ids[0], batch.ids[q])
        np.testing.assert_array_equal(single.distances[0], batch.distances[q])


def test_results_do_not_depend_on_the_number_of_threads(make_index, rng, monkeypatch):
    codes = clumped_codes(rng, 20000, 64)
    queries = clumped_codes(rng, 40, 64)
    index = make_index(64)
    index.add(codes)
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("HASHLENS_THREADS", threads)
        results.append(
            [
                index.search(queries, 50),
                index.search(queries[:1], 50),
                index.search_radius(queries, 9),
            ]
        )
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a.ids, b.ids)
            np.testing.assert_array_equal(a.distances, b.distances)


def test_k_beyond_the_size_pads_with_minus_one(make_index):
    index = make_index(8)
    index.add(np.array([[1], [3]], dtype=np.uint8))
    result = index.search(np.array([[1]], dtype=np.uint8), k=10_000)
    assert result.ids.shape == (1, 10_000)
    assert result.counts.tolist() == [2]
    assert result.ids[0, :3].tolist() == [0, 1, -1]
    assert result.distances[0, :3].tolist() == [0, 1, -1]


def test_a_k_that_no_result_can_hold_is_refused(make_index):
    index = make_index(8)
    index.add(np.zeros((1000, 1), dtype=np.uint8))
    for k in (2**31, 2**63, 2**64 - 1, 2**70):
        for count in (1, 2):  # once, these sizes overflowed and crashed the process
            with pytest.raises(ParameterError, match="'k'"):
                index.search(np.zeros((count, 1), dtype=np.uint8), k)


def test_ids_end_where_a_key_is_full(make_index):
    index = make_index(8)
    index.add(np.array([[0]], dtype=np.uint8), ids=[MAX_ID - 1])
    index.add(np.array([[1]], dtype=np.uint8))
    with pytest.raises(DataError, match="no ids left"):
        index.add(np.array([[3]], dtype=np.uint8))
    found = index.search(np.array([[1]], dtype=np.uint8), 3)
    assert found.ids.tolist() == [[MAX_ID, MAX_ID - 1, -1]]
    assert found.distances.tolist() == [[0, 1, -1]]


def test_an_empty_index_and_no_queries_are_answered(make_index):
    index = make_index(64)
    query = np.zeros((1, 8), dtype=np.uint8)
    assert index.search(query, 3).ids.tolist() == [[-1, -1, -1]]
    assert index.search_radius(query, 64).counts.tolist() == [0]
    index.add(query)
    assert index.search(query[:0], 3).ids.shape == (0, 3)
    assert len(index) == 1


def test_a_hundred_thousand_equal_codes_give_the_lowest_ids(make_index):
    index = make_index(64)
    index.add(np.full((100_000, 8), 17, dtype=np.uint8), ids=np.arange(100_000)[::-1])
    result = index.search(np.full((1, 8), 17, dtype=np.uint8), k=10)
    assert result.ids[0].tolist() == list(range(10))
    assert result.distances[0].tolist() == [0] * 10


def test_ids_in_any_order_break_ties(make_index, rng):
    codes = clumped_codes(rng, 800, 32, centers=3, flip=0.02)
    ids = rng.permutation(5000)[:800].astype(np.int64)
    index = make_index(32)
    index.add(codes[:500], ids[:500])
    index.add(codes[500:], ids[500:])
    for k in (1, 20, 300):
        assert_equals(index.search(codes[:9], k), naive(codes, ids, codes[:9], k=k))


def test_adds_and_removes_in_turn(make_index, rng):
    index = make_index(64)
    held = {}
    queries = clumped_codes(np.random.default_rng(7), 5, 64)
    for step in range(12):
        new = clumped_codes(np.random.default_rng(7), 400, 64)[rng.permutation(400)[:150]]
        index.add(new)
        for i, code in enumerate(new):
            held[150 * step + i] = code
        gone = rng.permutation(sorted(held))[: 60 + 10 * step]
        index.remove(gone)
        for id_ in gone:
            del held[int(id_)]
        assert len(index) == len(held)
        ids = np.array(sorted(held), dtype=np.int64)
        codes = np.array([held[int(i)] for i in ids])
        assert_equals(index.search(queries, 25), naive(codes, ids, queries, k=25))
        assert_equals(index.search_radius(queries, 6), naive(codes, ids, queries, radius=6))


def test_a_removed_id_may_come_back(make_index):
    index = make_index(8)
    index.add(np.array([[0], [255]], dtype=np.uint8))
    index.remove([0])
    index.add(np.array([[15]], dtype=np.uint8), ids=[0])
    result = index.search(np.array([[15]], dtype=np.uint8), k=5)
    assert result.ids[0].tolist() == [0, 1, -1, -1, -1]
    assert result.distances[0].tolist() == [0, 4, -1, -1, -1]
    index.remove([0])
    assert index.search(np.array([[15]], dtype=np.uint8), k=1).ids.tolist() == [[1]]


@pytest.mark.parametrize("share", [0.9, 0.3, 0.004])
def test_filters_equal_the_naive_scan_over_what_they_leave(make_index, rng, share):
    n = 4000
    codes = clumped_codes(rng, n, 64)
    queries = codes[:4]
    index = make_index(64)
    index.add(codes)
    index.remove(np.arange(0, n, 9))
    allow = np.flatnonzero(rng.random(n) < share)
    deny = np.flatnonzero(rng.random(n) < 0.3)
    live = np.arange(n) % 9 != 0
    for kept, filters in [
        (live & np.isin(np.arange(n), allow), {"allow": allow}),
        (live & ~np.isin(np.arange(n), deny), {"deny": deny}),
        (live & np.isin(np.arange(n), np.setdiff1d(allow, deny)), {"allow": allow, "deny": deny}),
        (live & ~np.isin(np.arange(n), [3, 10, 17]), {"deny": [3, 17, 10, 17, 9, n + 5]}),
        (np.zeros(n, bool), {"allow": []}),
    ]:
        ids = np.flatnonzero(kept)
        found = index.search(queries, 30, **filters)
        assert_equals(found, naive(codes[kept], ids, queries, k=30))
        found = index.search_radius(queries, 5, **filters)
        assert_equals(found, naive(codes[kept], ids, queries, radius=5))


def test_wrong_use_is_refused_and_changes_nothing(make_index):
    index = make_index(64)
    code = np.zeros((2, 8), dtype=np.uint8)
    index.add(code)
    with pytest.raises(DataError, match="64 bits"):
        index.add(np.zeros((1, 4), dtype=np.uint8))
    with pytest.raises(DataError, match="64 bits"):
        index.add(np.uint8(3))
    with pytest.raises(DataError, match="already holds"):
        index.add(code, ids=[7, 1])
    with pytest.raises(DataError, match="twice"):
        index.add(code, ids=[7, 7])
    with pytest.raises(DataError, match="between 0 and"):
        index.add(code, ids=[-1, 7])
    with pytest.raises(DataError, match="does not hold"):
        index.remove([0, 5])
    with pytest.raises(DataError, match="twice"):
        index.remove([0, 0])
    with pytest.raises(ParameterError, match="'k'"):
        index.search(code, 0)
    with pytest.raises(ParameterError, match="'radius'"):
        index.search_radius(code, -1)
    with pytest.raises(DataError, match="float"):
        index.search(np.zeros((1, 8)), 1)
    with pytest.raises(ParameterError, match="multiple of 8"):
        make_index(12)
    assert len(index) == 2
    assert index.search(code[:1], 3).ids.tolist() == [[0, 1, -1]]


# What an index holds


def empty(index, rng):
    return {}


def added(index, rng):
    codes = clumped_codes(rng, 300)
    index.add(codes)
    return dict(enumerate(codes))


def changed(index, rng):
    """Most codes were removed again, the last one among them; one id was added again."""
    codes = clumped_codes(rng, 700)
    index.add(codes[:600])
    index.remove(np.arange(150, 600))
    index.remove([3])
    index.add(codes[600:699])
    index.remove([698, 5])
    index.add(codes[699:], ids=[3])
    held = {id: codes[id] for id in range(150) if id not in (3, 5)}
    return held | {id: codes[id] for id in range(600, 698)} | {3: codes[699]}


def with_own_ids(index, rng):
    codes = clumped_codes(rng, 400)
    ids = rng.permutation(10_000)[:400]
    index.add(codes[:250], ids[:250])
    index.add(codes[250:], ids[250:])
    index.remove(ids[100:130])
    return {int(id): code for id, code in zip(ids, codes, strict=True) if id not in ids[100:130]}


def emptied(index, rng):
    index.add(clumped_codes(rng, 20))
    index.remove(np.arange(20))
    return {}


def many(index, rng):
    codes = clumped_codes(rng, 9500)
    for start in range(0, 9500, 500):
        index.add(codes[start : start + 500])
    index.remove(np.arange(0, 9500, 11))
    return {id: code for id, code in enumerate(codes) if id % 11}


@pytest.fixture(params=[empty, added, changed, with_own_ids, emptied, many])
def stocked(request, make_index, rng):
    """An index of 64 bits, and the codes it holds by id, in the order in which they were added."""
    index = make_index(64)
    return index, request.param(index, rng)


def assert_holds(index, held):
    assert len(index) == len(held)
    assert index.ids.dtype == np.int64
    assert index.ids.tolist() == list(held)
    codes = index.reconstruct(index.ids)
    assert codes.dtype == np.uint8
    np.testing.assert_array_equal(codes, np.array(list(held.values()), np.uint8).reshape(-1, 8))


def test_ids_and_codes_come_back(stocked, rng):
    index, held = stocked
    assert_holds(index, held)
    some = rng.choice(list(held), 50) if held else np.empty(0, dtype=np.int64)
    codes = index.reconstruct(some)
    assert codes.shape == (len(some), 8)
    for id, code in zip(some.tolist(), codes, strict=True):
        np.testing.assert_array_equal(code, held[id])


def test_the_arrays_that_are_returned_belong_to_the_caller(stocked):
    index, held = stocked
    index.reconstruct(index.ids)[:] ^= 255
    index.ids[:] += 7
    assert_holds(index, held)


def test_membership_is_by_id(stocked):
    index, held = stocked
    for id in [*range(-3, 710), *list(held)[-5:], 9_999, 10_000, 2**62, 2**70]:
        assert (id in index) == (id in held), id
    for id in (np.int32(7), np.uint64(7)):
        assert (id in index) == (7 in held)
    for other in (None, "7", 7.0, (7,)):
        assert other not in index


def test_the_codes_of_unknown_ids_are_refused(stocked):
    index, held = stocked
    for unknown in (-1, 10_000, 2**62):
        with pytest.raises(DataError, match="does not hold"):
            index.reconstruct([*list(held)[:3], unknown])
    with pytest.raises(DataError, match="integers"):
        index.reconstruct([0.5])
    with pytest.raises(DataError, match="shape"):
        index.reconstruct(3)


def test_repr_names_class_code_length_and_size(stocked):
    index, held = stocked
    text = repr(index)
    assert text.startswith(f"<{type(index).__name__}: 64 bits, {len(held):,} codes")
    assert ("segment" in text) == isinstance(index, MultiIndex)
    assert ("multi-index" in text) == isinstance(index, AutoIndex)


# Copies and files


def through_a_file(index, folder):
    index.save(folder / "index", source="here")
    return type(index).load(folder / "index", source="here")


COPIES = {
    "pickle": lambda index, _: pickle.loads(pickle.dumps(index)),
    "copy": lambda index, _: copy.copy(index),
    "deepcopy": lambda index, _: copy.deepcopy(index),
    "file": through_a_file,
}


@pytest.fixture(params=COPIES)
def make_copy(request, tmp_path):
    return lambda index: COPIES[request.param](index, tmp_path)


def test_a_copy_holds_and_answers_the_same(stocked, make_copy, rng):
    index, held = stocked
    twin = make_copy(index)
    assert type(twin) is type(index)
    assert_holds(twin, held)
    queries = clumped_codes(rng, 20)
    ids, codes = np.array(list(held), np.int64), np.array([*held.values()], np.uint8).reshape(-1, 8)
    assert_equals(twin.search(queries, 15), naive(codes, ids, queries, k=15))
    assert_equals(twin.search_radius(queries, 6), naive(codes, ids, queries, radius=6))
    assert_equals(index.search(queries, 15), naive(codes, ids, queries, k=15))


def test_a_copy_and_its_original_change_apart(stocked, make_copy, rng):
    index, held = stocked
    twin = make_copy(index)
    new = clumped_codes(rng, 90)
    contents = []
    for one, codes, gone in ((index, new[:40], [*held][::2]), (twin, new[40:], [*held][1::3])):
        one.add(codes)
        one.remove(gone)
        ids = one.ids[-len(codes) :]  # which follow the largest that there ever was
        removed = set(gone)
        left = {id: code for id, code in held.items() if id not in removed}
        contents.append(left | dict(zip(ids.tolist(), codes, strict=True)))
        assert ids[0] > max(held, default=-1)
    assert list(contents[0])[-40:] == list(contents[1])[-50:][:40], "the next ids are the same"
    for one, expected in zip((index, twin), contents, strict=True):
        assert_holds(one, expected)
        queries = new[::9]
        ids, codes = np.array([*expected]), np.array([*expected.values()])
        assert_equals(one.search(queries, 12), naive(codes, ids, queries, k=12))


def test_a_file_is_replaced_and_says_of_what_it_is(make_index, rng, tmp_path):
    codes = clumped_codes(rng, 60)
    for count in (50, 60):
        index = make_index(64)
        index.add(codes[:count])
        index.save(tmp_path / "index", source="these")
    assert [path.name for path in tmp_path.iterdir()] == ["index"]
    assert len(make_index.load(tmp_path / "index", source="these")) == 60
    for other in ("those", ""):
        with pytest.raises(FormatError, match="these"):
            make_index.load(tmp_path / "index", source=other)
    with pytest.raises(FormatError, match="can't be read"):
        make_index.load(tmp_path / "missing")
    (tmp_path / "index").write_bytes(b"HLINDEX or not")
    with pytest.raises(FormatError):
        make_index.load(tmp_path / "index", source="these")


def test_a_file_of_another_kind_of_index_is_refused_unless_either_is_welcome(
    make_index, rng, tmp_path
):
    codes = clumped_codes(rng, 40)
    for other in (LinearIndex, MultiIndex):
        index = other(64)
        index.add(codes, ids=np.arange(40)[::-1])
        index.save(tmp_path / "index")
        if issubclass(make_index, (other, AutoIndex)):
            assert_holds(
                make_index.load(tmp_path / "index"),
                dict(zip(range(39, -1, -1), codes, strict=True)),
            )
            continue
        with pytest.raises(FormatError, match="not a"):
            make_index.load(tmp_path / "index")
