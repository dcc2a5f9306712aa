"""SPLH against a naive run of its algorithm, with X itself deflated and every pair visited."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.hashers.methods.splh import SPLH, LabeledPairs, deflate, top_eigenvector


@pytest.fixture(scope="module")
def labeled() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 4
    centers = rng.standard_normal((4, 12))
    return (centers[y] + rng.standard_normal((90, 12))).astype(np.float32), y


def naive_directions(X: np.ndarray, y: np.ndarray, bits: int, weight: float) -> np.ndarray:
    residual = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    fixed = residual.copy()  # all vectors are labeled here
    n = len(X)
    similarity = np.array([[1.0 if y[i] == y[j] else -1.0 for j in range(n)] for i in range(n)])
    found = []
    for _ in range(bits):
        matrix = residual.T @ residual / n + weight * fixed.T @ similarity @ fixed / n
        w = np.linalg.eigh(matrix)[1][:, -1]
        projected = fixed @ w
        scale = max(abs(a * b) for a in projected for b in projected)
        for i in range(n):
            for j in range(n):
                estimate = projected[i] * projected[j] / scale
                if similarity[i, j] * estimate < 0:
                    similarity[i, j] -= estimate
        residual = residual - np.outer(residual @ w, w)
        found.append(w)
    return np.stack(found, axis=1)


def test_directions_are_those_of_the_naive_algorithm(labeled):
    X, y = labeled
    hasher = SPLH(bits=8, label_weight=0.2).fit(X, y)
    expected = naive_directions(X, y, 8, 0.2)
    cosines = np.einsum("dk,dk->k", hasher.weights_, expected)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-4)


def test_without_labels_it_is_pca_and_the_directions_are_orthogonal(labeled):
    X, y = labeled
    weights = SPLH(bits=8, label_weight=0.0).fit(X, y).weights_
    _, _, principal = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    cosines = np.einsum("dk,kd->k", weights, principal[:8])
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-4)


def test_only_pairs_with_the_wrong_sign_are_corrected_and_they_gain_weight(labeled):
    X, y = labeled
    pairs = LabeledPairs(X - X.mean(axis=0), y)
    before = pairs.similarity.copy()
    w = top_eigenvector(pairs.agreement())
    projected = pairs.vectors @ w
    pairs.correct(w)
    wrong = before * np.outer(projected, projected) < 0
    assert 0 < wrong.mean() < 1
    np.testing.assert_array_equal(pairs.similarity[~wrong], before[~wrong])
    assert (np.abs(pairs.similarity[wrong]) > 1).all()
    assert (np.sign(pairs.similarity) == np.sign(before)).all()
    assert np.abs(pairs.similarity).max() <= 2


def test_deflation_is_that_of_the_vectors(labeled):
    X = labeled[0].astype(np.float64)
    w = np.random.default_rng(1).standard_normal(12)
    w /= np.linalg.norm(w)
    rest = X - np.outer(X @ w, w)
    np.testing.assert_allclose(deflate(X.T @ X, w), rest.T @ rest, atol=1e-10)


def test_the_large_solver_agrees_with_the_small_one():
    pytest.importorskip("scipy")
    rng = np.random.default_rng(2)
    directions, _ = np.linalg.qr(rng.standard_normal((300, 300)))
    # The eigenvalue of largest magnitude is negative: it is not the one asked for.
    values = np.concatenate([[-9.0, 5.0], np.linspace(4, -4, 298)])
    found = top_eigenvector(directions * values @ directions.T)
    assert abs(found @ directions[:, 1]) == pytest.approx(1, abs=1e-4)
    assert found[np.abs(found).argmax()] > 0


def test_the_large_solver_draws_the_same_vectors_again_where_few_eigenvalues_differ():
    pytest.importorskip("scipy")
    X, y = np.eye(300, dtype=np.float32)[:5].repeat(4, axis=0), np.arange(20) % 3
    fits = [SPLH(bits=16).fit(X, y).weights_ for _ in range(3)]
    np.testing.assert_array_equal(fits[1], fits[0])
    np.testing.assert_array_equal(fits[2], fits[0])


@pytest.mark.parametrize("dimensions", [200, 300])
def test_vectors_that_are_all_the_same_have_directions_too(dimensions):
    pytest.importorskip("scipy")
    hasher = SPLH(bits=8).fit(np.ones((10, dimensions)), np.arange(10) % 2)
    np.testing.assert_allclose(np.linalg.norm(hasher.weights_, axis=0), 1, atol=1e-6)
    assert not hasher.transform(np.ones((1, dimensions))).any()
