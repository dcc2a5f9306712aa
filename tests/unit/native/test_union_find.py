import numpy as np
import pytest

from hashlens.errors import DataError, ParameterError
from hashlens.native import connected_components


def naive_labels(count, edges):
    """Relabel whole components, one edge after the other; then number them by smallest node."""
    group = list(range(count))
    for a, b in edges:
        old, new = group[a], group[b]
        group = [new if member == old else member for member in group]
    numbers = {}
    return [numbers.setdefault(member, len(numbers)) for member in group]


@pytest.mark.parametrize("count", [1, 2, 30, 200])
@pytest.mark.parametrize("density", [0.0, 0.3, 0.5, 1.0, 4.0])
def test_labels_equal_those_of_naive_merging(count, density):
    rng = np.random.default_rng(count)
    first, second = rng.integers(0, count, (2, int(density * count)))
    labels = connected_components(count, first, second)
    assert labels.dtype == np.int64
    assert labels.tolist() == naive_labels(count, zip(first, second, strict=True))


def test_labels_equal_those_of_scipy():
    graph = pytest.importorskip("scipy.sparse")
    search = pytest.importorskip("scipy.sparse.csgraph")
    count = 20_000
    first, second = np.random.default_rng(0).integers(0, count, (2, count // 2))
    matrix = graph.coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    _, expected = search.connected_components(matrix, directed=False)
    np.testing.assert_array_equal(connected_components(count, first, second), expected)


@pytest.mark.parametrize("step", [1, -1], ids=["ascending", "descending"])
def test_a_long_chain_is_one_component(step):
    nodes = np.arange(100_000)[::step]
    assert not connected_components(100_000, nodes[:-1], nodes[1:]).any()


def test_without_edges_each_node_is_alone():
    assert connected_components(3, [], []).tolist() == [0, 1, 2]
    assert connected_components(0, [], []).shape == (0,)
    assert connected_components(2, [1], [1]).tolist() == [0, 1]


@pytest.mark.parametrize("node", [-1, 3, 2**62, -(2**63)])
def test_a_node_that_does_not_exist_is_refused(node):
    for ends in (([0, 1], [2, node]), ([0, node], [2, 1])):
        with pytest.raises(DataError, match="from 0 to 2"):
            connected_components(3, *ends)


def test_wrong_arguments_are_refused():
    with pytest.raises(DataError, match="two nodes for each edge"):
        connected_components(3, [0, 1], [2])
    with pytest.raises(DataError, match="integers"):
        connected_components(3, [0.0], [1.0])
    with pytest.raises(DataError, match="shape"):
        connected_components(3, [[0]], [[1]])
    for count in (-1, 2.0, True):
        with pytest.raises(ParameterError, match="'count'"):
            connected_components(count, [], [])
