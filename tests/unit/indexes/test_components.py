"""Components of near codes are those of the graph of all pairs, found without listing the pairs."""

import numpy as np
import pytest

from hashlens.errors import DataError, ParameterError
from hashlens.indexes import components, components_within, pairs_within
from hashlens.native import connected_components


def clustered(n, bits, centers, share, seed):
    rng = np.random.default_rng(seed)
    middle = rng.random((centers, bits)) < 0.5
    noise = rng.random((n, bits)) < share
    return np.packbits(middle[rng.integers(0, centers, n)] ^ noise, axis=1)


@pytest.mark.parametrize("hub", [0, 3, 32, 10_000], ids=lambda hub: f"hub{hub}")
@pytest.mark.parametrize("radius", [0, 1, 2, 5, 9])
@pytest.mark.parametrize("centers", [1, 12, 150])
def test_components_are_those_of_all_pairs(centers, radius, hub, monkeypatch):
    monkeypatch.setattr(components, "_HUB", hub)
    monkeypatch.setattr(components, "_RESULTS", 300)  # so that batches shrink, too
    monkeypatch.setattr(components, "_EDGES", 100)  # so that a forest stands for the edges
    codes = clustered(400, 64, centers, 0.04, seed=centers)
    pairs = pairs_within(codes, radius)
    labels = connected_components(len(codes), pairs.first, pairs.second)
    found = components_within(codes, radius)
    np.testing.assert_array_equal(found.labels, labels)
    widest = np.zeros(labels.max() + 1, dtype=int)
    np.maximum.at(widest, labels[pairs.first], pairs.distances)
    assert (found.widest <= widest).all()
    if hub == 10_000:
        np.testing.assert_array_equal(found.widest, widest)


def test_of_a_dense_set_no_code_is_found_often(monkeypatch):
    """Fifty million pairs lie within the radius; the results are about as many as the codes."""
    results = []
    look_up = components._Search._look_up

    def count(self, rows):
        found, counts = look_up(self, rows)
        results.append(len(found))
        return found, counts

    monkeypatch.setattr(components._Search, "_look_up", count)
    rng = np.random.default_rng(0)
    bits = np.tile(rng.random(128) < 0.5, (10_000, 1))
    for row in bits:
        row[rng.choice(128, 4, replace=False)] ^= True
    codes = np.packbits(bits, axis=1)
    assert components_within(codes, 8).labels.max() == 0
    assert sum(results) < 3 * len(codes)


@pytest.mark.parametrize("n", [0, 1])
def test_few_codes(n):
    found = components_within(np.zeros((n, 8), dtype=np.uint8), 64)
    assert (found.labels.tolist(), found.widest.tolist()) == ([0] * n, [0] * n)


def test_wrong_use_is_refused():
    with pytest.raises(DataError, match="shape"):
        components_within(np.zeros(8, dtype=np.uint8), 1)
    with pytest.raises(ParameterError, match="radius"):
        components_within(np.zeros((2, 8), dtype=np.uint8), -1)
