import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from search_cases import clumped_codes

from hashlens.errors import DataError, ParameterError
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
from hashlens.indexes.auto.forecast import forecast_shells
from hashlens.indexes.auto.planner import BATCH, Planner

clumped = partial(clumped_codes, centers=50)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """What is worth building depends on how many threads share a scan."""
    monkeypatch.setenv("HASHLENS_THREADS", "2")


def wait(index):
    build = index._build
    if build is not None:
        build.wait()


def test_near_neighbors_lead_to_a_multi_index_in_the_background(rng):
    codes = clumped(rng, 60_000)
    index = AutoIndex.from_codes(codes)
    assert "No query" in index.explain(1, 10).reason
    first = index.search(codes[:5], 10)
    wait(index)
    assert index.is_built
    assert index.explain(1, 10).method == "shells"
    again = index.search(codes[:5], 10)
    np.testing.assert_array_equal(first.ids, again.ids)
    assert index.last_method == "shells"


def test_far_neighbors_do_not(rng):
    codes = rng.integers(0, 256, (30_000, 16), dtype=np.uint8)
    index = AutoIndex.from_codes(codes)
    index.search(rng.integers(0, 256, (5, 16), dtype=np.uint8), 10)
    assert not index.is_building
    assert not index.is_built
    plan = index.explain(1, 10)
    assert plan.method == "scan"
    assert "by shells" in plan.reason


def test_one_far_query_does_not_decide_for_ever(rng):
    codes = clumped(rng, 30_000)
    index = AutoIndex.from_codes(codes)
    index.search(~codes[:1] ^ rng.integers(0, 256, (1, 8), dtype=np.uint8), 10)
    assert not index.is_building
    assert not index.is_built
    for query in range(3):
        index.search(codes[query : query + 1], 10)
    wait(index)
    assert index.is_built


def test_a_build_leaves_rows_their_numbers(rng):
    # Rows of a saved index are those of the codes that it was built from, however few are left.
    denied = np.delete(np.arange(300), np.s_[2::3])
    index = AutoIndex.from_codes(clumped(rng, 300), denied)
    index.build()
    assert index._engine.row_ids.rows == 300
    assert index.ids.tolist() == list(range(2, 300, 3))


def test_a_build_that_fails_is_told_and_searches_go_on(rng, monkeypatch, tmp_path):
    codes = clumped(rng, 30_000)
    index = AutoIndex.from_codes(codes)

    def fail(*_):
        raise MemoryError("too many codes")

    with monkeypatch.context() as patch:
        patch.setattr("hashlens.indexes.auto.builds.MultiIndex.from_rows", fail)
        for query in range(3):
            index.search(codes[query : query + 1], 10)
            wait(index)
        assert "too many codes" in index.explain(1, 10).reason
        with pytest.raises(MemoryError):
            index.save(tmp_path / "index")
    assert not (tmp_path / "index").exists()
    assert index.search(codes[:1], 1).distances.tolist() == [[0]]
    index.save(tmp_path / "index")
    assert (tmp_path / "index").exists()


def test_a_thread_that_is_not_granted_is_told_and_forgotten(rng, monkeypatch):
    codes = clumped(rng, 30_000)
    index = AutoIndex(64)
    index.add(codes)

    def refuse(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", refuse)
        assert index.search(codes[:3], 1).distances.tolist() == [[0]] * 3
        assert not index.is_building
        assert "can't start new thread" in index.explain(1, 10).reason
        with pytest.raises(RuntimeError, match="new thread"):
            index.build()
    index.add(codes[:5])
    assert not index.is_building, "nothing waits for a build that never began"
    index.build()
    assert index.is_built


@pytest.mark.parametrize("filters", [{}, {"allow": np.arange(0, 60_000, 2)}], ids=["all", "half"])
@pytest.mark.parametrize("within", [None, 3], ids=["k", "radius"])
def test_every_kind_of_search_can_start_a_build(rng, filters, within):
    codes = clumped(rng, 60_000)
    index = AutoIndex.from_codes(codes)
    if within is None:
        index.search(codes[:5], 10, **filters)
    else:
        index.search_radius(codes[:5], within, **filters)
    wait(index)
    assert index.is_built


def test_searches_that_shells_do_not_help_say_so(rng):
    codes = clumped(rng, 60_000)
    index = AutoIndex.from_codes(codes)
    for search in (
        lambda: index.search_radius(codes[:1], 30),
        lambda: index.search(codes[:1], 10, allow=np.arange(50)),
        lambda: index.search(codes[:1], 10, allow=np.arange(5)),
    ):
        search()
        assert not index.is_building
        assert not index.is_built
        assert "by shells" in index.explain(1, 10).reason


def test_changes_during_the_build_are_not_lost(rng, monkeypatch):
    codes = clumped(rng, 30_000)
    index = AutoIndex(64)
    index.add(codes[:25_000])
    index.search(codes[:3], 10)
    with index._lock:  # the build can't be swapped in before both changes are made
        index.add(codes[25_000:])
        index.remove(np.arange(0, 30_000, 7))
    wait(index)
    assert index.is_built
    expected = LinearIndex.from_codes(codes, denied=np.arange(0, 30_000, 7))
    assert len(index) == len(expected)
    found, wanted = index.search(codes[:50], 20), expected.search(codes[:50], 20)
    np.testing.assert_array_equal(found.ids, wanted.ids)
    np.testing.assert_array_equal(found.distances, wanted.distances)


@pytest.fixture
def held_up(monkeypatch):
    """Builds wait until this event is set."""
    go_on, build = threading.Event(), MultiIndex.from_rows
    monkeypatch.setattr(MultiIndex, "from_rows", lambda *rows: go_on.wait(60) and build(*rows))
    yield go_on
    go_on.set()


@pytest.mark.parametrize(
    "make_copy",
    [lambda index: pickle.loads(pickle.dumps(index)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_a_copy_made_during_a_build_holds_the_codes_and_leaves_the_build_alone(
    rng, held_up, make_copy
):
    codes = clumped(rng, 30_000)
    ids = rng.permutation(90_000)[:30_000]
    index = AutoIndex(64)
    index.add(codes[:29_000], ids[:29_000])
    index.search(codes[:3], 10)
    assert index.is_building
    index.add(codes[29_000:], ids[29_000:])
    index.remove(ids[::7])
    twin = make_copy(index)
    assert index.is_building
    assert "being built" in repr(index)
    assert not twin.is_building
    held_up.set()
    wait(index)
    assert index.is_built
    index.add(codes[:9])
    twin.remove(ids[1::7])
    for one, expected in (
        (index, [*np.delete(ids, np.s_[::7]), *range(ids.max() + 1, ids.max() + 10)]),
        (twin, np.delete(ids, np.r_[0:30_000:7, 1:30_000:7])),
    ):
        assert one.ids.tolist() == list(expected)
    twin.search(codes[:3], 10)
    wait(twin)
    assert twin.is_built, "it forecast and built for itself"
    assert twin.search(codes[2:3], 1).distances.tolist() == [[0]]


def test_copies_may_be_made_while_threads_search(rng):
    codes = clumped(rng, 30_000)
    index = AutoIndex.from_codes(codes)
    expected = LinearIndex.from_codes(codes).search(codes[:8], 5).ids

    def ask(number):
        one = pickle.loads(pickle.dumps(index)) if number % 8 == 0 else index
        size = 1 + number % 8
        return np.array_equal(one.search(codes[:size], 5).ids, expected[:size])

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(120)))
    wait(index)
    assert pickle.loads(pickle.dumps(index)).is_built


def test_batches_go_the_way_that_was_measured_to_be_faster():
    batches = Planner().batches(10, 64, False, 256)
    assert batches.choose() == ("shells", True)
    batches.learn("shells", True, 2e-6)
    assert batches.choose() == ("scan", False)
    batches.learn("scan", False, 1e-6)
    assert batches.choose() == ("shells", False), "promising shells are measured on a whole call"
    batches.learn("shells", False, 1.5e-6)
    assert batches.choose() == ("scan", False)
    for _ in range(20):
        batches.learn("shells", False, 0.5e-6)
    assert batches.choose() == ("shells", False)
    assert "1.0 µs by scan, 0.5 µs by shells" in batches.plan().reason


def test_a_whole_batch_never_goes_on_hopeless_shells():
    batches = Planner().batches(10, 64, False, 256)
    batches.learn("shells", True, 9e-6)
    batches.learn("scan", False, 1e-6)
    trials = 0
    for _ in range(300):
        method, trial = batches.choose()
        assert method == "scan" or trial
        batches.learn(method, trial, 9e-6 if trial else 1e-6)
        if trial:
            trials += 1
            assert batches.choose() == ("scan", False), "the rest of the batch is scanned"
    assert trials == 8, "after 4, 8, 16, 32, 64, 128, 192 and 256 calls"


def test_the_few_that_a_trial_leaves_over_say_nothing_of_a_batch(rng):
    codes = clumped(rng, 30_000)
    index = AutoIndex.from_codes(codes, background=False)
    index.build()
    index.search(codes[:BATCH], 10)
    plan = index.explain(BATCH, 10)
    assert np.isnan(plan.scan_us)
    assert "now the scan is measured" in plan.reason
    assert "nan" not in plan.reason
    index.search(codes[:BATCH], 10)
    assert index.last_method == "scan"
    assert index.explain(BATCH, 10).scan_us > 0


def test_single_queries_are_scanned_once_shells_have_proved_hopeless():
    planner = Planner()
    small = planner.small_calls(10, 64, False)
    assert small.choose() == "shells"
    for _ in range(60):
        small.learn("shells", 1, 0)
    assert small.choose() == "scan"
    assert planner.small_calls(10, 64, False) is small
    assert planner.small_calls(1000, 64, False).choose() == "shells"


def test_single_queries_return_to_shells_that_finish_again():
    small = Planner().small_calls(10, 64, False)
    for _ in range(60):
        small.learn("shells", 1, 0)
    methods = []
    for _ in range(200):
        methods.append(small.choose())
        small.learn(methods[-1], 1, int(methods[-1] == "shells"))
    assert methods[0] == "scan"
    assert methods[-1] == "shells"


def test_the_loser_is_tried_again_now_and_then():
    batches = Planner().batches(10, 64, False, BATCH)
    batches.learn("shells", True, 2e-6)
    batches.learn("scan", False, 1e-6)
    batches.learn("shells", False, 2e-6)
    methods = []
    for _ in range(200):
        methods.append(batches.choose()[0])
        batches.learn(methods[-1], False, 2e-6 if methods[-1] == "shells" else 1e-6)
    assert 0 < methods.count("shells") < 10


def test_a_batch_is_measured_both_ways_and_answered_once(rng):
    codes = clumped(rng, 30_000)
    index = AutoIndex.from_codes(codes, background=False)
    index.build()
    expected = LinearIndex.from_codes(codes).search(codes[:100], 7)
    for _ in range(4):
        found = index.search(codes[:100], 7)
        np.testing.assert_array_equal(found.ids, expected.ids)
    plan = index.explain(queries=100, k=7)
    assert not plan.trial
    assert np.isfinite([plan.scan_us, plan.shells_us]).all()


def forecast(codes, queries, reaches, batch, threads):
    reaches = np.asarray(reaches, np.int32)
    compared = len(codes)
    return forecast_shells(
        codes, queries, reaches, batch=batch, compared=compared, threads=threads
    ).worthwhile


@pytest.mark.parametrize("threads", [1, 2, 8, 16, 64])
@pytest.mark.parametrize("batch", [1, 5, 256])
def test_the_forecast_tells_near_from_far_neighbors(rng, threads, batch):
    codes = clumped(rng, 60_000)
    queries = codes[:4]
    assert forecast(codes, queries, [0, 1, 2, 3], batch, threads)
    assert not forecast(codes, queries, [22, 23, 24, 25], batch, threads)


@pytest.mark.parametrize("threads", [2, 8, 16, 64])
@pytest.mark.parametrize("batch", [1, 5, 256])
def test_the_forecast_leaves_uniform_codes_to_the_scan(rng, threads, batch):
    codes = rng.integers(0, 256, (1_000_000, 8), dtype=np.uint8)
    kth = LinearIndex.from_codes(codes).search(codes[:4] ^ 85, 10).distances[:, -1]
    assert not forecast(codes, codes[:4] ^ 85, kth, batch, threads)


def test_the_forecast_knows_that_only_a_batch_shares_out_its_shells(rng):
    codes = rng.integers(0, 256, (100_000, 8), dtype=np.uint8)
    reason = [
        forecast_shells(
            codes, codes[:2], np.full(2, 8), batch=batch, compared=100_000, threads=4
        ).reason
        for batch in (1, 4, 16)
    ]
    alone, few, many = (float(text.split(" µs by shells")[0].split()[-1]) for text in reason)
    assert alone == few
    assert many == pytest.approx(alone / 4, abs=0.1)


def test_threads_may_search_while_the_index_is_built(rng):
    codes = clumped(rng, 40_000)
    expected = LinearIndex.from_codes(codes).search(codes[:64], 10)
    index = AutoIndex.from_codes(codes)

    def ask(number):
        first = number % 60
        found = index.search(codes[first : first + 1 + number % 4], 10)
        wanted = expected.ids[first : first + 1 + number % 4]
        return np.array_equal(found.ids, wanted)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(300)))
    wait(index)
    assert index.is_built


@pytest.mark.parametrize("tables", [0, 9, 2.5])
def test_a_senseless_number_of_tables_is_refused(tables):
    with pytest.raises(ParameterError, match="'tables'"):
        MultiIndex(64, tables=tables)


def test_a_multi_index_is_made_of_codes_only():
    with pytest.raises(DataError, match="shape"):
        MultiIndex.from_codes(np.zeros(8, dtype=np.uint8))
