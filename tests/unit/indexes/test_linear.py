import copy
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hashlens.errors import DataError, ParameterError
from hashlens.indexes import LinearIndex
from hashlens.native import thread_count


def test_a_memory_map_is_served_without_a_copy(tmp_path):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (1000, 8), dtype=np.uint8)
    path = tmp_path / "codes"
    codes.tofile(path)
    mapped = np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, 8)
    index = LinearIndex.from_codes(mapped, denied=[3, 4])
    assert np.shares_memory(index.codes, mapped)
    assert len(index) == 998
    index.add(codes[:0])
    assert np.shares_memory(index.codes, mapped), "nothing was added"
    assert index.search(codes[3:4], 1).ids[0, 0] != 3
    assert index.search(codes[5:6], 1).ids[0, 0] == 5
    index.remove([5])
    index.add(codes[3:6])
    assert index.search(codes[5:6], 1).ids[0, 0] == 1002
    np.testing.assert_array_equal(mapped, codes)


def test_from_codes_refuses_what_it_would_have_to_copy():
    with pytest.raises(DataError, match="contiguous"):
        LinearIndex.from_codes(np.zeros((8, 16), dtype=np.uint8)[:, ::2])


def test_a_deep_copy_does_not_look_at_the_array_of_the_caller():
    codes = np.arange(9, dtype=np.uint8)[:, None]
    index = LinearIndex.from_codes(codes)
    twin = copy.deepcopy(index)
    codes[:] = 255
    assert twin.reconstruct(twin.ids)[:, 0].tolist() == list(range(9))


def test_a_loaded_file_is_served_in_place_until_codes_are_added(tmp_path):
    codes = np.random.default_rng(0).integers(0, 256, (300, 8), dtype=np.uint8)
    LinearIndex.from_codes(codes, denied=[4]).save(tmp_path / "index")
    index = LinearIndex.load(tmp_path / "index")
    assert not index.codes.flags.writeable
    index.remove([5])
    assert not index.codes.flags.writeable
    index.add(codes[4:6])
    assert index.codes.flags.writeable
    assert index.search(codes[4:6], 1).ids.tolist() == [[300], [301]]


def test_removed_codes_give_their_memory_back():
    index = LinearIndex(8)
    index.add(np.arange(100, dtype=np.uint8)[:, None])
    index.remove(np.arange(60))
    assert len(index.codes) == 40
    assert index.search(np.array([[70]], dtype=np.uint8), 1).ids.tolist() == [[70]]
    index.add(np.array([[1]], dtype=np.uint8))
    assert index.search(np.array([[1]], dtype=np.uint8), 1).ids.tolist() == [[100]]


@pytest.mark.parametrize("queries", [1, 20])
def test_a_sample_that_misleads_costs_no_neighbor(queries):
    # A search for so many begins with a sample of one in 40 codes: here all that are near.
    k, step = 640, 640 // 16
    codes = np.full((10 * k, 8), 255, dtype=np.uint8)
    numbers = np.arange(len(codes) // step, dtype=np.uint64)
    offsets = (numbers * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)) % np.uint64(step)
    near = (numbers * np.uint64(step) + offsets).astype(np.int64)
    codes[near] = 0
    query = np.zeros((queries, 8), dtype=np.uint8)
    index = LinearIndex.from_codes(codes)
    far = np.setdiff1d(np.arange(len(codes)), near)
    result = index.search(query, k)
    np.testing.assert_array_equal(result.ids, [np.r_[near, far][:k]] * queries)
    np.testing.assert_array_equal(result.counts, [k] * queries)


@pytest.mark.parametrize("text", ["0", "-2", "many", "1.5"])
def test_a_senseless_thread_count_is_refused(monkeypatch, text):
    monkeypatch.setenv("HASHLENS_THREADS", text)
    with pytest.raises(ParameterError, match="HASHLENS_THREADS"):
        thread_count()


def test_the_thread_count_defaults_to_the_cores(monkeypatch):
    monkeypatch.delenv("HASHLENS_THREADS", raising=False)
    assert thread_count() >= 1
    monkeypatch.setenv("HASHLENS_THREADS", "3")
    assert thread_count() == 3


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs the size of a process")
def test_a_search_does_with_the_threads_that_the_system_grants():
    script = """
import resource
import numpy as np
from hashlens.indexes import LinearIndex
index = LinearIndex.from_codes(np.zeros((200_000, 8), np.uint8))
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 30 * 2**20,) * 2)  # the stacks of few threads
assert index.search(np.zeros((1, 8), np.uint8), 3).ids.tolist() == [[0, 1, 2]]
"""
    environment = os.environ | {"HASHLENS_THREADS": "16"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_searches_with_threads_of_its_own(monkeypatch):
    monkeypatch.setenv("HASHLENS_THREADS", "3")
    codes = np.random.default_rng(0).integers(0, 256, (100_000, 8), dtype=np.uint8)
    index = LinearIndex.from_codes(codes)
    expected = index.search(codes[:20], 5).ids
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(index.search(codes[:20], 5).ids, expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
