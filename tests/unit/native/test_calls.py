"""Calls of native code: they end when they have to, and refuse what would break memory."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import hashlens.native._native as native
import numpy as np
import pytest

from hashlens.errors import ParameterError
from hashlens.indexes import LinearIndex, MultiIndex
from hashlens.native import Segment, connected_components

AT_EXIT = """
import threading, time
import numpy as np
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex
from hashlens.native import Segment

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.2)

slow = Slow()  # so that the interpreter takes its time to end
codes = np.random.default_rng(0).integers(0, 256, (200_000, 8), dtype=np.uint8)
linear, multi = LinearIndex.from_codes(codes), MultiIndex.from_codes(codes)

def again_and_again(work):
    while True:
        work()

for work in (
    lambda: linear.search(codes[:1], 10),
    lambda: linear.search(codes, 10),  # for a minute
    lambda: multi.search(codes[:20], 10),
    lambda: Segment.build(codes, 4, 16),
):
    threading.Thread(target=again_and_again, args=[work], daemon=True).start()
time.sleep(0.3)
print("leaving")
"""


def test_a_process_may_end_while_threads_search():
    # Once, they came back from native code to an interpreter that was gone, and aborted.
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", AT_EXIT], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "leaving\n"
    assert done.returncode == 0, done.stderr
    assert "Fatal" not in done.stderr
    assert time.monotonic() - start < 30


def test_calls_after_the_end_are_refused():
    script = """
import atexit
import numpy as np

@atexit.register  # runs after what hashlens registers
def search():
    try:
        index.search(np.zeros((1, 8), np.uint8), 1)
    except RuntimeError as error:
        print(error)

from hashlens.indexes import LinearIndex
index = LinearIndex(64)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "The process is ending" in done.stdout
    assert done.returncode == 0


SEARCHES = {
    "one query after the other": lambda index, codes: index.search(codes, 10),
    "radius": lambda index, codes: index.search_radius(codes, 12),
    "many neighbors": lambda index, codes: index.search(codes, 5000),
}


@pytest.mark.skipif(os.name == "nt", reason="needs signals between processes")
@pytest.mark.parametrize("kind", [LinearIndex, MultiIndex])
@pytest.mark.parametrize("search", SEARCHES)
def test_a_long_search_ends_soon_after_an_interrupt(kind, search):
    codes = np.random.default_rng(0).integers(0, 256, (100_000, 16), dtype=np.uint8)
    index = kind.from_codes(codes)
    asked = np.random.default_rng(1).integers(0, 256, (400_000, 16), dtype=np.uint8)
    sent = []

    def interrupt():
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(0.3, interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            SEARCHES[search](index, asked)
        assert time.monotonic() - sent[0] < 0.5
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    found = index.search(codes[:5], 1)
    assert found.ids[:, 0].tolist() == [0, 1, 2, 3, 4], "the index is as it was"


@pytest.mark.skipif(os.name == "nt", reason="needs signals between processes")
def test_a_signal_handler_may_search_during_a_search():
    codes = np.random.default_rng(0).integers(0, 256, (50_000, 16), dtype=np.uint8)
    index = LinearIndex.from_codes(codes)
    found = []
    before = signal.signal(
        signal.SIGUSR1, lambda *_: found.append(index.search(codes[:3], 1).ids[:, 0].tolist())
    )
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        result = index.search(codes[:20_000], 1)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    assert result.ids[:, 0].tolist() == list(range(20_000))
    assert found == [[0, 1, 2]]


@pytest.fixture
def codes():
    return np.random.default_rng(2).integers(0, 256, (5000, 8), dtype=np.uint8)


def search_multi(codes, **changed):
    arguments = {
        "segments": [Segment.build(codes, 4, 12).handle],
        "recent": codes[:0],
        "rows": len(codes),
        "queries": codes[:2],
        "k": 3,
        "radius": 64,
        "ids": None,
        "ascending": True,
        "blocked": None,
        "budget": 0.5,
        "threads": 1,
        "level": "",
    }
    return native.search_multi(**(arguments | changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"k": 0},
        {"k": -1},
        {"k": 2**31},
        {"k": 2**64},
        {"k": 1.5},
        {"radius": 65},
        {"radius": -1},
        {"budget": -1.0},
        {"budget": float("nan")},
        {"threads": 0},
        {"threads": 2**31 - 1},
        {"segments": [None]},
        {"segments": None},
        {"recent": None},
        {"recent": np.zeros((0, 4), np.uint8)},
        {"rows": 10},
        {"rows": 2**63},
        {"queries": np.zeros((1, 8), np.float32)},
        {"queries": np.zeros((1, 8), np.int8)},
        {"queries": np.zeros((8, 2), np.uint8).T},
        {"queries": np.zeros((1, 9), np.uint8)},
        {"queries": None},
        {"ids": np.zeros(3, np.int64)},
        {"ids": np.zeros(5000, np.int32)},
        {"blocked": np.zeros(3, np.uint8)},
        {"blocked": np.zeros(625, np.bool_)},
        {"level": "sse"},
    ],
    ids=repr,
)
def test_arguments_that_would_break_memory_are_refused(codes, changed):
    (ids, _, counts), _ = search_multi(codes)
    assert ids[:, 0].tolist() == [0, 1]
    assert counts.tolist() == [3, 3]
    with pytest.raises((ValueError, TypeError)):
        search_multi(codes, **changed)


@pytest.mark.parametrize(
    "change",
    [
        {"key_bits": 25},
        {"key_bits": 0},
        {"key_bits": 13},
        {"rows": 4999},
        {"rows": 2**31},
        {"first_row": 2**60},
        {"first_row": -1},
        {"group_starts": np.zeros(0, np.uint32)},
        {"group_starts": np.zeros(1, np.int64)},
        {"group_rows": np.zeros(1, np.uint32)},
        {"tables": []},
    ],
    ids=repr,
)
def test_segments_that_would_break_memory_are_refused(codes, change):
    built = Segment.build(codes, 4, 12)
    names = ("key_bits", "first_row", "rows", "group_starts", "group_rows", "tables")
    arguments = {name: getattr(built, name) for name in names}
    Segment(**arguments)
    with pytest.raises((ValueError, TypeError)):
        Segment(**(arguments | change))


def test_a_result_that_memory_can_not_hold_is_refused_at_once(codes):
    for index in (LinearIndex.from_codes(codes), MultiIndex.from_codes(codes)):
        for queries, k in ((1, 2**31 - 1), (5000, 2**20), (2, 2**28)):
            start = time.monotonic()
            with pytest.raises(ParameterError, match="padding"):
                index.search(codes[:queries], k)
            assert time.monotonic() - start < 0.5
        many = np.broadcast_to(codes[:1], (2**33, 8))
        with pytest.raises((ParameterError, MemoryError)):
            index.search(many, 5000)


def test_edges_that_change_break_nothing():
    nodes = np.zeros(100_000, dtype=np.int64)
    stop = threading.Event()

    def overwrite():
        while not stop.is_set():
            nodes[:] = 2**62
            nodes[:] = 0

    thread = threading.Thread(target=overwrite)
    thread.start()
    try:
        for _ in range(300):
            with suppress(ValueError):
                native.connected_components(5, nodes, nodes)
    finally:
        stop.set()
        thread.join()
    assert connected_components(2, [0], [1]).tolist() == [0, 0]
