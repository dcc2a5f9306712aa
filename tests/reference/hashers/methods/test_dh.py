"""The objective of deep hashing by naive loops, and what training does to it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hashlens.hashers.math.pca import PCA
from hashlens.hashers.methods.dh import (
    DeepHashing,
    SupervisedDeepHashing,
    Weights,
    forward,
    initial_layers,
    objective,
)

pytestmark = pytest.mark.torch

LAMBDAS = (100.0, 0.001, 0.002)


@pytest.fixture(scope="module")
def labeled() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 5
    return (rng.standard_normal((5, 20))[y] + rng.standard_normal((300, 20))).astype(np.float32), y


@pytest.fixture
def layers(labeled) -> list[tuple[np.ndarray, np.ndarray]]:
    axes = PCA.fit(labeled[0], 10).axes
    start = initial_layers(axes, (10, 9, 8), np.random.default_rng(1))
    return [(W.astype(np.float64), c.astype(np.float64)) for W, c in start]


def as_tensors(layers):
    return [(torch.from_numpy(W), torch.from_numpy(c)) for W, c in layers]


def naive_objective(H, layers, labels=None, alpha=1.0) -> float:
    """J with H (K, N) and layers (W, c), summed entry by entry."""
    lambda1, lambda2, lambda3 = LAMBDAS
    K, N = H.shape
    loss = 0.0
    for k in range(K):
        for n in range(N):
            loss += 0.5 * ((1 if H[k, n] > 0 else -1) - H[k, n]) ** 2
    spread = np.trace(H @ H.T) / N
    if labels is not None:
        within, between = [], []
        for i in range(N):
            for j in range(N):
                if i != j:
                    difference = H[:, i] - H[:, j]
                    scatter = np.trace(np.outer(difference, difference))
                    (within if labels[i] == labels[j] else between).append(scatter)
        spread += alpha * (np.mean(between) - np.mean(within))
    loss -= 0.5 * lambda1 * spread
    for W, c in layers:
        loss += 0.5 * lambda2 * ((W @ W.T - np.eye(len(W))) ** 2).sum()
        loss += 0.5 * lambda3 * ((W**2).sum() + (c**2).sum())
    return loss


@pytest.mark.parametrize("alpha", [None, 1.0, 0.3])
def test_the_objective_is_that_of_the_definition(labeled, layers, alpha):
    X, y = labeled
    x, labels = torch.from_numpy(X[:25]).double(), torch.from_numpy(y[:25])
    h = forward(x, as_tensors(layers))
    if alpha is None:
        ours = objective(h, None, as_tensors(layers), Weights(*LAMBDAS))
        expected = naive_objective(h.numpy().T, layers)
    else:
        ours = objective(h, labels, as_tensors(layers), Weights(*LAMBDAS, alpha))
        expected = naive_objective(h.numpy().T, layers, y[:25], alpha)
    assert ours.item() == pytest.approx(expected, rel=1e-9)


def test_signs_get_no_gradient(layers):
    """At λ = 0 the gradient with respect to h is h − b."""
    h = torch.tensor([[0.3, -0.9]], dtype=torch.double, requires_grad=True)
    objective(h, None, as_tensors(layers), Weights(0.0, 0.0, 0.0)).backward()
    np.testing.assert_allclose(h.grad.numpy(), [[0.3 - 1, -0.9 + 1]])


def test_it_begins_as_principal_directions_and_identities(labeled, layers):
    axes = PCA.fit(labeled[0], 10).axes
    np.testing.assert_allclose(layers[0][0], axes.T)
    np.testing.assert_array_equal(layers[1][0], np.eye(9, 10))
    np.testing.assert_array_equal(layers[2][1], 0)


@pytest.mark.parametrize("kind", [DeepHashing, SupervisedDeepHashing])
def test_training_lowers_the_objective(labeled, kind):
    X, y = labeled
    losses = kind(bits=8, epochs=10, batch_size=64).fit(X, y).losses_
    assert losses[-1] < losses[0] - 0.05 * abs(losses[0])


def test_numpy_projects_as_the_network_does(labeled):
    X, _ = labeled
    hasher = DeepHashing(bits=8, epochs=2).fit(X)
    h = X.astype(np.float64) - hasher.mean_
    for name in ("first", "second"):
        h = np.tanh(h @ getattr(hasher, f"{name}_weights_") + getattr(hasher, f"{name}_bias_"))
    expected = h @ hasher.code_weights_ + hasher.code_bias_
    np.testing.assert_allclose(hasher.project(X), expected, atol=1e-5)


def test_supervision_draws_classes_together(labeled):
    X, y = labeled
    ratios = []
    for kind in (DeepHashing, SupervisedDeepHashing):
        h = np.tanh(kind(bits=16, batch_size=64).fit(X, y).project(X))
        gaps = ((h[:, None] - h[None]) ** 2).sum(axis=2)
        same = y[:, None] == y
        ratios.append(gaps[same].mean() / gaps[~same].mean())
    assert ratios[1] < 0.8 * ratios[0]
