import numpy as np
import pytest
from search_cases import clumped_codes

from hashlens.indexes import LinearIndex, MultiIndex


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """A query that is asked alone leaves its shells the sooner, the more threads share a scan."""
    monkeypatch.setenv("HASHLENS_THREADS", "2")


@pytest.mark.parametrize("emptied", [False, True], ids=["small", "nearly empty"])
def test_a_small_segment_sends_no_query_to_a_scan_of_all(rng, emptied):
    drawn = clumped_codes(rng, 104_196, centers=50, flip=0.06)
    codes, queries = drawn[:104_096], drawn[104_096:]
    index, linear = MultiIndex.from_codes(codes[:100_000]), LinearIndex(64)
    linear.add(codes)
    _, alone = index.search_checked(queries, 10, 64)
    assert alone > 90
    index.add(codes[100_000:104_095])
    if emptied:
        index.remove(np.arange(100_000, 104_095))
        linear.remove(np.arange(100_000, 104_095))
    index.add(codes[104_095:])
    for asked in (queries, queries[:1]):
        found, finished = index.search_checked(asked, 10, 64)
        assert finished >= min(alone, len(asked))
        expected = linear.search(asked, 10)
        np.testing.assert_array_equal(found.ids, expected.ids)
        np.testing.assert_array_equal(found.distances, expected.distances)


def test_queries_of_far_neighbors_are_said_to_be_scanned(rng):
    index = MultiIndex.from_codes(rng.integers(0, 256, (50_000, 16), dtype=np.uint8))
    _, finished = index.search_checked(rng.integers(0, 256, (20, 16), dtype=np.uint8), 10, 128)
    assert finished == 0


def test_codes_that_find_no_memory_leave_the_index_as_it_was(rng, monkeypatch):
    codes = rng.integers(0, 256, (30, 8), dtype=np.uint8)
    index = MultiIndex(64)
    index.add(codes[:10])

    def fail(_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("hashlens.indexes.multi_index_state.np.concatenate", fail)
        with pytest.raises(MemoryError):
            index.add(codes[10:20])
    assert len(index) == 10
    index.add(codes[20:])
    assert len(index) == 20
    assert index.search(codes[20:], 1).ids[:, 0].tolist() == list(range(10, 20))
