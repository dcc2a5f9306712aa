"""Changes of an index: whole or not at all, whatever else goes on."""

import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from search_cases import ManySegments, clumped_codes

from hashlens.errors import DataError
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
from hashlens.native import Segment


class Built(AutoIndex):
    """An index that chooses between both ways from the start."""

    def __init__(self, bits, *, background=False):
        super().__init__(bits, background=background)
        self.build()


class Small(ManySegments):
    """A multi-index whose segments are full soon."""

    segment_limit = 50


@pytest.fixture(params=[LinearIndex, MultiIndex, ManySegments, Small, AutoIndex, Built])
def index(request):
    return request.param(64)


@pytest.fixture
def rng():
    return np.random.default_rng(8)


def contents(index):
    ids = index.ids
    return ids.tolist(), index.reconstruct(ids).tolist(), index.search(CODES[:3], 9).ids.tolist()


CODES = clumped_codes(np.random.default_rng(9), 6000)


def fail(*_, **__):
    raise MemoryError


def test_a_change_that_fails_changes_nothing(index, monkeypatch):
    index.add(CODES[:300])
    index.remove(np.arange(0, 300, 7))
    before = contents(index)
    for where in (
        "hashlens.indexes.row_ids.RowIds.extended",
        "hashlens.indexes.row_ids.RowIds.without",
        "hashlens.indexes.linear.with_room",
        "hashlens.indexes.multi_index_state.np.concatenate",
        "hashlens.native.segments.Segment.build",
        "hashlens.native.segments.Segment.unpack",
    ):
        for change in (lambda: index.add(CODES[300:]), lambda: index.remove(index.ids[:200])):
            with monkeypatch.context() as patch:
                patch.setattr(where, fail)
                failed = False
                try:
                    change()
                except MemoryError:
                    failed = True
            assert (contents(index) == before) == failed
            before = contents(index)
    for wrong in ([1, 1], [-1], [10**9], [0.5], [3, 7]):
        with pytest.raises(DataError):
            index.remove(wrong)
        assert contents(index) == before
    with pytest.raises(DataError, match="already"):
        index.add(CODES[:2], [10**6, index.ids[0]])
    assert contents(index) == before
    index.add(CODES[:1])
    assert index.ids[-1] > max(before[0])


def test_an_interrupt_at_any_step_leaves_the_index_before_or_after_the_change(index):
    """Every line of Python within a change is interrupted once."""
    index.add(CODES[:300])
    for change in (lambda: index.add(CODES[300:320]), lambda: index.remove(index.ids[::9])):
        for step in range(10_000):
            before = contents(index)
            left = step

            def interrupt(frame, event, _):
                nonlocal left
                if "hashlens/indexes" not in frame.f_code.co_filename:
                    return None
                left -= event == "line"
                if left < 0:
                    sys.settrace(None)
                    raise KeyboardInterrupt
                return interrupt

            done = False
            sys.settrace(interrupt)
            try:
                change()
                done = True
            except KeyboardInterrupt:
                pass
            finally:
                sys.settrace(None)
            after = contents(index)
            if done:
                assert after != before
                break
            if after != before:  # it was interrupted behind its last step
                assert len(index) in (len(before[0]) + 20, len(before[0]) - len(before[0][::9]))
        assert done


def test_searches_during_changes_answer_from_before_or_after(index):
    """A series of changes after each of which the answer is known; searches never see another."""
    query = CODES[:1]
    near = query.repeat(5, axis=0)
    index.add(CODES[5:205] ^ 255, ids=np.arange(1000, 1200))
    allowed = {tuple(range(5 * n, 5 * n + 5)) for n in range(40)} | {()}
    seen, errors, stop = set(), [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                found = index.search_radius(query, 0)
                seen.add(tuple(found.ids[0, : found.counts[0]].tolist()))
            except Exception as error:
                errors.append(error)
                return

    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask)
        try:
            for n in range(40):
                index.add(near, ids=np.arange(5 * n, 5 * n + 5))
                time.sleep(0.001)
                index.remove(np.arange(5 * n, 5 * n + 5))
        finally:
            stop.set()
    assert not errors
    assert seen <= allowed
    assert len(seen) > 2


def test_threads_that_change_an_index_do_so_one_after_the_other(index):
    def change(number):
        first = 100 * number
        for start in range(first, first + 100, 20):
            index.add(CODES[start : start + 20], ids=np.arange(start, start + 20))
        index.remove(np.arange(first, first + 100, 3))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(12)))
    held = [id for id in range(1200) if id % 100 % 3]
    assert sorted(index.ids.tolist()) == held
    np.testing.assert_array_equal(index.reconstruct(held), CODES[held])


def test_segments_are_full_at_their_limit(tmp_path, rng):
    index, expected = Small(64), LinearIndex(64)
    for start in range(0, 900, 30):
        for one in (index, expected):
            one.add(CODES[start : start + 30])
    for one in (index, expected):
        one.remove(np.arange(0, 900, 11))
    assert all(segment.rows <= 50 for segment in index._state.segments)
    index.save(tmp_path / "index")
    assert [segment.rows for segment in index._state.segments] == [50] * 18
    for found in (index, Small.load(tmp_path / "index"), Small.from_codes(CODES[:900])):
        if len(found) == 900:
            found.remove(np.arange(0, 900, 11))
        assert contents(found) == contents(expected)


def test_codes_that_change_while_an_index_is_built_break_nothing(rng):
    """Once, this wrote beyond the tables."""
    codes = rng.integers(0, 256, (60_000, 8), dtype=np.uint8)
    stop = threading.Event()

    def overwrite():
        while not stop.is_set():
            codes[:] = 0
            codes[::2] = 255

    thread = threading.Thread(target=overwrite)
    thread.start()
    builds = refused = 0
    deadline = time.monotonic() + 60
    try:
        while builds < 40 or (not refused and time.monotonic() < deadline):
            builds += 1
            try:
                Segment.build(codes, 4, 16)
            except DataError:
                refused += 1
    finally:
        stop.set()
        thread.join()
    assert refused


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def in_a_child(work):
    """Call ``work`` in a forked process; return whether it did not raise."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@forks
def test_everything_works_in_a_forked_child(index, tmp_path):
    index.add(CODES[:500])
    hold, release = threading.Event(), threading.Event()

    def change():  # the child is forked while this thread holds the lock of the index
        with index._lock:
            hold.set()
            release.wait()

    thread = threading.Thread(target=change)
    thread.start()
    hold.wait()

    def work():
        index.add(CODES[500:600])
        index.remove([3, 550])
        index.save(tmp_path / "index")
        assert type(index).load(tmp_path / "index").ids.tolist() == index.ids.tolist()
        assert index.search(CODES[[0, 1, 599]], 1).ids.tolist() == [[0], [1], [599]]

    try:
        assert in_a_child(work)
        assert len(index) == 500
    finally:
        release.set()
        thread.join()


@forks
def test_a_child_forked_during_a_build_builds_for_itself(tmp_path, monkeypatch):
    index = AutoIndex(64)
    index.add(CODES)
    go_on, build = threading.Event(), MultiIndex.from_rows
    with monkeypatch.context() as patch:
        patch.setattr(MultiIndex, "from_rows", lambda *rows: go_on.wait(60) and build(*rows))
        with index._lock:
            index._start_building()
        assert index.is_building

        def work():
            assert not index.is_building
            patch.undo()
            index.remove(np.arange(4000))
            index.save(tmp_path / "index")
            assert index.is_built
            assert AutoIndex.load(tmp_path / "index").ids.tolist() == list(range(4000, 6000))

        try:
            assert in_a_child(work)
        finally:
            go_on.set()
            index._build.wait()
    assert index.is_built
    assert len(index) == 6000
