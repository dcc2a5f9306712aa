import numpy as np
import pytest

from hashlens.codes import hamming_distance
from hashlens.errors import DataError, ParameterError
from hashlens.indexes import pairs_within
from hashlens.indexes.pairs import tables_for


@pytest.mark.parametrize("bits", [8, 48, 64, 128, 256])
@pytest.mark.parametrize("radius", [0, 1, 3, 10])
@pytest.mark.parametrize("worth", [0, 4096], ids=["indexed", "scanned"])
def test_pairs_equal_those_of_the_whole_distance_matrix(bits, radius, worth, monkeypatch):
    monkeypatch.setattr("hashlens.indexes.pairs._WORTH_AN_INDEX", worth)
    rng = np.random.default_rng(bits)
    centers = rng.random((30, bits)) < 0.5
    noise = rng.random((900, bits)) < 3 / bits
    codes = np.packbits(centers[rng.integers(0, 30, 900)] ^ noise, axis=1)
    distances = hamming_distance(codes[:, None], codes[None])
    first, second = np.nonzero(np.triu(distances <= radius, k=1))
    pairs = pairs_within(codes, radius)
    np.testing.assert_array_equal(pairs.first, first)
    np.testing.assert_array_equal(pairs.second, second)
    np.testing.assert_array_equal(pairs.distances, distances[first, second])


def test_more_codes_are_told_apart_by_longer_substrings():
    # With eight substrings, as radius + 1 would have it, each bucket holds rows / 256 codes.
    assert [tables_for(64, rows, 7) for rows in (25_000, 100_000, 400_000)] == [8, 5, 4]
    assert [tables_for(64, 400_000, radius) for radius in range(4)] == [1, 2, 3, 4]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_codes_make_no_pair(n):
    assert len(pairs_within(np.zeros((n, 8), dtype=np.uint8), 64)) == 0


def test_wrong_use_is_refused():
    with pytest.raises(DataError, match="shape"):
        pairs_within(np.zeros(8, dtype=np.uint8), 1)
    with pytest.raises(DataError, match="shape"):
        pairs_within(np.zeros((2, 0), dtype=np.uint8), 1)
    with pytest.raises(ParameterError, match="radius"):
        pairs_within(np.zeros((2, 8), dtype=np.uint8), -1)
