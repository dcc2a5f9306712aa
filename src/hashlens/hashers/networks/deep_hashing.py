"""The objective of deep hashing (Liong et al. 2015) in PyTorch, and its descent."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hashlens.arrays import Floats, Labels
from hashlens.errors import DataError
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.networks.folding import fold_batch_norm

SMALL = 0.01
"""Standard deviation of first weights for which there is neither a direction nor an identity."""

LAYERS = ("first", "second", "code")


class TanhPerceptron(nn.Module):
    """hᵐ = tanh(Wᵐ hᵐ⁻¹ + cᵐ) for every layer m."""

    def __init__(self, axes: Floats, widths: Sequence[int], rng: np.random.Generator) -> None:
        """Begin with principal directions ``axes`` (D, ≤ p₁) and identities."""
        super().__init__()
        sizes = [len(axes), *widths]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        for number, layer in enumerate(self.layers):
            shape = layer.weight.shape
            start = SMALL * rng.standard_normal(shape, dtype=np.float32)
            known = axes.T if number == 0 else np.eye(*shape, dtype=np.float32)
            start[: len(known)] = known
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(start))
                layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return H transposed: (N, K) in (−1, 1)."""
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return x


def objective(
    h: Tensor,
    labels: Tensor | None,
    layers: Sequence[nn.Linear],
    lambdas: tuple[float, float, float],
    scatter_weight: float = 1.0,
) -> Tensor:
    """Return J of `hashlens.hashers.methods.dh`; with labels, of the supervised form.

    Parameters
    ----------
    h : Tensor of shape (N, K)
        Outputs of the last layer; the paper's H transposed.
    labels : int64 Tensor of shape (N,), or None
    layers : sequence of nn.Linear
        Wᵐ (out, in) and cᵐ.
    lambdas : three floats
    scatter_weight : float
        α, used with labels only.
    """
    variance_weight, orthogonality_weight, decay_weight = lambdas
    # B is a constant of the step: no gradient flows through the sign.
    signs = torch.where(h.detach() > 0, 1.0, -1.0)
    quantization = 0.5 * (signs - h).square().sum()
    spread = h.square().sum() / len(h)
    if labels is not None:
        spread = spread + scatter_weight * scatter_difference(h, labels)
    orthogonality = torch.stack([_distance_from_orthogonal(layer.weight) for layer in layers])
    decay = torch.stack(
        [layer.weight.square().sum() + layer.bias.square().sum() for layer in layers]
    )
    return (
        quantization
        - 0.5 * variance_weight * spread
        + 0.5 * orthogonality_weight * orthogonality.sum()
        + 0.5 * decay_weight * decay.sum()
    )


def _distance_from_orthogonal(weight: Tensor) -> Tensor:
    """‖W Wᵀ − I‖²_F."""
    identity = torch.eye(len(weight), dtype=weight.dtype)
    return (weight @ weight.T - identity).square().sum()


def scatter_difference(h: Tensor, labels: Tensor) -> Tensor:
    """Return tr(S_d − S_s): mean ‖h_i − h_j‖² over pairs of other classes, less that of one class.

    Over all ordered pairs of a set, Σ ‖h_i − h_j‖² = 2 n Σ ‖h_i‖² − 2 ‖Σ h_i‖², so sums of classes
    stand for their pairs. A batch that lacks pairs of a kind has no term of that kind.

    Parameters
    ----------
    h : Tensor of shape (N, K)
    labels : int64 Tensor of shape (N,), from 0
    """
    classes = int(labels.max()) + 1
    counts = torch.bincount(labels, minlength=classes).to(h.dtype)
    sums = h.new_zeros(classes, h.shape[1]).index_add(0, labels, h)
    lengths = h.new_zeros(classes).index_add(0, labels, h.square().sum(dim=1))
    alike = 2 * (counts * lengths - sums.square().sum(dim=1)).sum()
    total = 2 * (len(h) * lengths.sum() - sums.sum(dim=0).square().sum())
    pairs_alike = float((counts * (counts - 1)).sum())
    pairs = len(h) * (len(h) - 1)
    return (total - alike) / max(pairs - pairs_alike, 1) - alike / max(pairs_alike, 1)


def train_deep_hashing(
    X: Floats,
    y: Labels | None,
    widths: tuple[int, int, int],
    lambdas: tuple[float, float, float],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    scatter_weight: float = 1.0,
) -> tuple[dict[str, Floats], npt.NDArray[np.float64]]:
    """Return the learned arrays of `DeepHashing` by name and the mean J/N of every epoch.

    Raises
    ------
    DataError
        If the objective is no longer finite.
    """
    pca = PCA.fit(X, widths[0])
    # The first layer's outputs before tanh get unit variance.
    scale = float(np.sqrt(pca.variances.mean())) or 1.0
    inputs = torch.from_numpy((X - pca.mean) / np.float32(scale))
    labels = None if y is None else torch.from_numpy(np.unique(y, return_inverse=True)[1])
    network = TanhPerceptron(pca.axes, widths, np.random.default_rng(seed))
    layers: list[Any] = list(network.layers)
    optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)
    order = torch.Generator().manual_seed(seed)
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        batches = torch.randperm(len(inputs), generator=order).split(batch_size)
        for batch in batches:
            chosen = None if labels is None else labels[batch]
            h = network(inputs[batch])
            loss = objective(h, chosen, layers, lambdas, scatter_weight) / len(batch)
            if not torch.isfinite(loss):
                raise DataError(
                    f"Deep hashing diverged in epoch {epoch + 1}: the objective is not finite. "
                    "Lower learning_rate or orthogonality_weight."
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[epoch] += loss.item() / len(batches)
    return _arrays(layers, pca.mean, scale), losses


def _arrays(layers: Sequence[nn.Linear], mean: Floats, scale: float) -> dict[str, Floats]:
    arrays: dict[str, Floats] = {"mean_": mean}
    for name, layer in zip(LAYERS, layers, strict=True):
        weights, bias = fold_batch_norm(layer)
        if name == "first":
            weights /= scale
        arrays[f"{name}_weights_"] = weights.astype(np.float32)
        arrays[f"{name}_bias_"] = bias.astype(np.float32)
    return arrays
