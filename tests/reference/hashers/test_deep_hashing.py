"""The objective of deep hashing by naive loops, and what training does to it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hashlens.hashers.math.pca import PCA
from hashlens.hashers.methods.dh import DeepHashing, SupervisedDeepHashing
from hashlens.hashers.networks.deep_hashing import TanhPerceptron, objective

LAMBDAS = (100.0, 0.001, 0.002)


@pytest.fixture(scope="module")
def labeled() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 5
    return (rng.standard_normal((5, 20))[y] + rng.standard_normal((300, 20))).astype(np.float32), y


@pytest.fixture
def network(labeled) -> TanhPerceptron:
    axes = PCA.fit(labeled[0], 10).axes
    return TanhPerceptron(axes, (10, 9, 8), np.random.default_rng(1)).double()


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
def test_the_objective_is_that_of_the_definition(labeled, network, alpha):
    X, y = labeled
    x, labels = torch.from_numpy(X[:25]).double(), torch.from_numpy(y[:25])
    h = network(x)
    layers = [
        (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in network.layers
    ]
    if alpha is None:
        ours = objective(h, None, list(network.layers), LAMBDAS)
        expected = naive_objective(h.detach().numpy().T, layers)
    else:
        ours = objective(h, labels, list(network.layers), LAMBDAS, alpha)
        expected = naive_objective(h.detach().numpy().T, layers, y[:25], alpha)
    assert ours.item() == pytest.approx(expected, rel=1e-9)


def test_signs_get_no_gradient(network):
    """At λ = 0 the gradient with respect to h is h − b."""
    h = torch.tensor([[0.3, -0.9]], dtype=torch.double, requires_grad=True)
    objective(h, None, list(network.layers), (0.0, 0.0, 0.0)).backward()
    np.testing.assert_allclose(h.grad.numpy(), [[0.3 - 1, -0.9 + 1]])


def test_it_begins_as_principal_directions_and_identities(labeled, network):
    axes = PCA.fit(labeled[0], 10).axes
    np.testing.assert_allclose(network.layers[0].weight.detach().numpy(), axes.T)
    np.testing.assert_array_equal(network.layers[1].weight.detach().numpy(), np.eye(9, 10))
    np.testing.assert_array_equal(network.layers[2].bias.detach().numpy(), 0)


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
