"""Every kernel level against numpy, for every code length that has a path of its own."""

import numpy as np
import pytest

from hashlens.codes import hamming_distance
from hashlens.errors import DataError
from hashlens.native import label_histograms, levels, scan

BITS = [8, 24, 32, 40, 48, 64, 96, 104, 128, 136, 256, 264, 504, 512]


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("queries", [1, 3, 20, 300])
def test_scan(level, bits, queries):
    rng = np.random.default_rng(bits + queries)
    codes = rng.integers(0, 256, (1000 + bits // 8, bits // 8), dtype=np.uint8)
    codes[300:340] = codes[0]
    asked = np.concatenate([codes[:1], ~codes[1:2], rng.integers(0, 256, (queries, bits // 8))])
    asked = asked.astype(np.uint8)[:queries]
    distances = hamming_distance(asked[:, None], codes[None])
    order = np.argsort(distances, axis=1, kind="stable")[:, :60]
    ids, found, counts = scan(codes, asked, 60, threads=2, level=level)
    np.testing.assert_array_equal(ids, order)
    np.testing.assert_array_equal(found, np.take_along_axis(distances, order, axis=1))
    radius = int(np.quantile(distances, 0.2))
    _, _, counts = scan(codes, asked, None, radius=radius, threads=2, level=level)
    np.testing.assert_array_equal(counts, (distances <= radius).sum(axis=1))


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("bits", BITS)
def test_label_histograms(level, bits):
    rng = np.random.default_rng(bits)
    database = rng.integers(0, 256, (501, bits // 8), dtype=np.uint8)
    queries = np.concatenate([database[:2], ~database[:2], database[5:30] ^ 1])
    labels, query_labels = rng.integers(-3, 3, 501), rng.integers(-4, 3, len(queries))
    total, relevant = label_histograms(
        queries, database, query_labels, labels, bits, threads=2, level=level
    )
    distances = hamming_distance(queries[:, None], database[None])
    for q in range(len(queries)):
        same = labels == query_labels[q]
        np.testing.assert_array_equal(total[q], np.bincount(distances[q], minlength=bits + 1))
        expected = np.bincount(distances[q][same], minlength=bits + 1)
        np.testing.assert_array_equal(relevant[q], expected)


def test_label_histograms_refuse_labels_of_another_length():
    codes = np.zeros((3, 8), dtype=np.uint8)
    with pytest.raises(DataError, match="database_labels"):
        label_histograms(codes, codes, [1, 2, 3], [1, 2], bits=64)
    with pytest.raises(DataError, match="query_labels"):
        label_histograms(codes, codes, [0.5, 1.5, 2.5], [1, 2, 3], bits=64)
