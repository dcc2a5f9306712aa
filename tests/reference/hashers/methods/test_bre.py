"""BRE: the exact minimum along a weight and the objective, by naive loops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hashlens.codes import unpack
from hashlens.errors import DataError
from hashlens.hashers.methods.bre import BRE, Reconstruction, best_step


def naive_cost(scores, pairs, costs) -> float:
    bits = scores > 0
    return sum(c for i, j, c in zip(*pairs, costs, strict=True) if bits[i] != bits[j])


def naive_least_cost(scores, column, pairs, costs) -> float:
    """Try a step within every interval between thresholds, and none."""
    thresholds = sorted(-s / c for s, c in zip(scores, column, strict=True) if c != 0)
    middles = [(a + b) / 2 for a, b in pairwise(thresholds)]
    steps = [0.0, thresholds[0] - 1, *middles, thresholds[-1] + 1]
    return min(naive_cost(scores + step * column, pairs, costs) for step in steps)


@pytest.mark.parametrize("seed", range(20))
def test_a_step_reaches_the_least_cost_of_all_steps(seed):
    rng = np.random.default_rng(seed)
    scores, column = rng.standard_normal(12), rng.standard_normal(12)
    column[rng.integers(0, 12, 2)] = 0.0  # vectors that never flip
    pairs = rng.integers(0, 12, (2, 40))
    pairs = (pairs[0], (pairs[0] + 1 + pairs[1] % 11) % 12)
    costs = rng.standard_normal(40)
    step = best_step(scores, column, pairs, costs)
    reached = naive_cost(scores + step * column, pairs, costs)
    assert reached == pytest.approx(naive_least_cost(scores, column, pairs, costs), abs=1e-9)


def test_no_step_is_taken_where_nothing_can_change():
    pairs = (np.array([0]), np.array([1]))
    assert best_step(np.array([1.0, -1.0]), np.zeros(2), pairs, np.array([1.0])) == 0.0


def test_vectors_with_equal_thresholds_flip_together():
    """Between equal thresholds there is no step, however good it would be."""
    scores, column = np.array([1.0, 1.0, -1.0]), np.array([1.0, 1.0, 0.0])
    pairs = (np.array([0, 0]), np.array([1, 2]))
    step = best_step(scores, column, pairs, np.array([-100.0, 1.0]))
    bits = scores + step * column > 0
    assert bits.tolist() == [False, False, False]


@pytest.fixture
def problem() -> Reconstruction:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 6))
    i, j = np.triu_indices(30, 1)
    targets = rng.random(len(i))
    anchors = np.stack([rng.choice(30, 4, replace=False) for _ in range(8)])
    return Reconstruction(X @ X.T, anchors, 0.001 * rng.standard_normal((8, 4)), (i, j), targets)


def naive_objective(problem: Reconstruction) -> float:
    K, n = len(problem.weights), len(problem.kernel)
    bits = np.zeros((K, n), dtype=bool)
    for p in range(K):
        for x in range(n):
            total = 0.0
            for q, anchor in enumerate(problem.anchors[p]):
                total += problem.weights[p, q] * problem.kernel[anchor, x]
            bits[p, x] = total > 0
    total = 0.0
    for i, j, d in zip(*problem.pairs, problem.targets, strict=True):
        total += 0.5 * ((bits[:, i] != bits[:, j]).mean() - d) ** 2
    return total


def test_the_objective_is_that_of_the_definition_before_and_after(problem):
    assert problem.objective() == pytest.approx(naive_objective(problem), rel=1e-9)
    losses = problem.minimize(3)
    assert losses[-1] == pytest.approx(naive_objective(problem), rel=1e-9)
    assert losses[-1] < 0.95 * losses[0]


def test_no_update_raises_the_objective(problem):
    for bit in [*range(8), *range(8)]:
        before = problem.objective()
        problem._update_bit(bit)
        assert problem.objective() <= before + 1e-12


@pytest.fixture(scope="module")
def labeled() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    y = np.arange(200) % 4
    return (rng.standard_normal((4, 16))[y] + rng.standard_normal((200, 16))).astype(np.float32), y


def test_hamming_distances_follow_the_distances_of_vectors(labeled):
    X, _ = labeled
    hasher = BRE(bits=32, pair_share=0.5).fit(X)
    unit = X - X.mean(axis=0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    bits = unpack(hasher.transform(X), 32).astype(int)
    i, j = np.triu_indices(200, 1)
    hamming = (bits[i] != bits[j]).sum(axis=1)
    correlation = np.corrcoef(hamming, ((unit[i] - unit[j]) ** 2).sum(axis=1))[0, 1]
    assert correlation > 0.75


def test_labels_make_classes_separable(labeled):
    X, y = labeled
    i, j = np.triu_indices(200, 1)
    gaps = []
    for use_labels in (False, True):
        hasher = BRE(bits=16, use_labels=use_labels, pair_share=0.5).fit(X, y)
        bits = unpack(hasher.transform(X), 16).astype(int)
        hamming = (bits[i] != bits[j]).mean(axis=1)
        gaps.append(hamming[y[i] != y[j]].mean() - hamming[y[i] == y[j]].mean())
    assert gaps[1] > gaps[0] + 0.1


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, r"BRE learns from labels: fit\(X, y\) needs a label"),
        (np.zeros(40, int), "needs at least 2 classes"),
        (np.arange(39), "expects 40 labels"),
    ],
)
def test_what_is_wrong_with_the_labels_of_supervised_bre(labels, message):
    X = np.random.default_rng(0).standard_normal((40, 8))
    with pytest.raises(DataError, match=message):
        BRE(bits=8, use_labels=True).fit(X, labels)


def test_bre_learns_from_labels_only_where_it_is_told_to():
    assert not BRE(bits=8).learns_from_labels
    assert BRE(bits=8, use_labels=True).learns_from_labels
