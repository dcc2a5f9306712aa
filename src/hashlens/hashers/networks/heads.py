"""Heads on a fixed descriptor in PyTorch: a softmax classifier, and class codewords."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hashlens.arrays import AnyLabels, Floats, Signs
from hashlens.hashers.math.projection import column_means
from hashlens.hashers.networks.folding import fold_batch_norm
from hashlens.hashers.networks.loop import Epoch, Monitor, Training
from hashlens.hashers.networks.losses import label_shares, memberships, negative_log_likelihood
from hashlens.hashers.presets import Schedule

LossTerms = dict[str, tuple[float, Tensor]]


def train_softmax_head(
    X: Floats,
    y: AnyLabels,
    classes: int,
    bits: int,
    schedule: Schedule,
    seed: int,
    monitor: Monitor,
) -> tuple[dict[str, Floats], list[Epoch]]:
    """Train σ(W x + b) under a softmax classifier; return the learned arrays of `DLBHC`.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    y : int64 array of shape (n,), in [0, classes), or bool array of shape (n, classes)
    """
    mean, scale, inputs = _standardized(X)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hash_layer = nn.Linear(X.shape[1], bits)
        classifier = nn.Linear(bits, classes)

    def terms(x: Tensor, labels: Tensor) -> LossTerms:
        logits = classifier(torch.sigmoid(hash_layer(x)))
        return {"nll": (1.0, negative_log_likelihood(logits, labels))}

    network = _Head(hash_layer, classifier)
    history = Training(network, terms, schedule, seed, monitor).run(inputs, y)
    weights, bias = fold_batch_norm(hash_layer)
    arrays = {"mean_": mean, "weights_": weights / scale, "bias_": bias}
    return {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}, history


class _Head(nn.Module):
    """A network that encodes, and a companion that is trained with it but not part of it."""

    def __init__(self, coder: nn.Module, companion: nn.Module) -> None:
        super().__init__()
        self.coder, self.companion = coder, companion

    def forward(self, x: Tensor) -> Tensor:
        """Return the values thresholded at zero, shape (n, K)."""
        out: Tensor = self.coder(x)
        return out


class CodewordLoss:
    """Measures how far outputs are from the codewords of their labels.

    Parameters
    ----------
    codewords : int8 array of shape (classes, K), entries −1 and 1
    kind : {"orthohash", "csq"}
    scale, margin : float
        Parameters of "orthohash".
    """

    def __init__(self, codewords: Signs, kind: str, scale: float, margin: float) -> None:
        self.codewords = torch.from_numpy(codewords.astype(np.float32))
        self.kind, self.scale, self.margin = kind, scale, margin

    def __call__(self, v: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of outputs ``v`` (n, K) with labels (n,) or (n, classes)."""
        if self.kind == "csq":
            targets = (self._targets(labels) + 1) / 2
            # (tanh v + 1)/2 = σ(2v); from logits, nothing overflows.
            return functional.binary_cross_entropy_with_logits(2 * v, targets)
        cosines = functional.normalize(v) @ functional.normalize(self.codewords).T
        own = memberships(labels, len(self.codewords))
        logits = self.scale * (cosines - self.margin * own)
        return functional.cross_entropy(logits, label_shares(labels))

    def _targets(self, labels: Tensor) -> Tensor:
        """Return the codeword of each sample, or the mean of its codewords: (n, K)."""
        if labels.ndim == 1:
            return self.codewords[labels]
        return label_shares(labels) @ self.codewords


def train_codebook_head(
    X: Floats,
    y: AnyLabels,
    hidden: int,
    loss: CodewordLoss,
    schedule: Schedule,
    seed: int,
    monitor: Monitor,
) -> tuple[dict[str, Floats], list[Epoch]]:
    """Train a perceptron toward codewords; return the learned arrays of `CodebookHasher`.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    y : int64 array of shape (n,), rows of the loss's codewords, or bool array of shape (n, classes)
    hidden : int
        Units of the hidden layer, or 0.
    """
    mean, scale, inputs = _standardized(X)
    network = codebook_network(X.shape[1], hidden, loss.codewords.shape[1], seed)

    def terms(x: Tensor, labels: Tensor) -> LossTerms:
        return {"codeword": (1.0, loss(network(x), labels))}

    history = Training(network, terms, schedule, seed, monitor).run(inputs, y)
    return codebook_arrays(network, mean, scale), history


def codebook_network(width: int, hidden: int, bits: int, seed: int) -> nn.Sequential:
    """Return the perceptron of `CodebookHasher` before training: (n, width) to (n, bits)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = nn.Linear(width, hidden, bias=False) if hidden else None
        layers: list[nn.Module] = [first, nn.BatchNorm1d(hidden), nn.ReLU()] if first else []
        last = nn.Linear(hidden or width, bits, bias=False)
        return nn.Sequential(*layers, last, nn.BatchNorm1d(bits))


def codebook_arrays(network: nn.Sequential, mean: Floats, scale: float) -> dict[str, Floats]:
    """Return the learned arrays of `CodebookHasher`, which take input that is not standardized.

    Parameters
    ----------
    network : nn.Sequential
        From `codebook_network`, trained on (X − mean) / scale.
    """
    *before, last, norm = network
    weights, bias = np.zeros((len(mean), 0)), np.zeros(0)
    code_weights, code_bias = fold_batch_norm(last, norm)
    if before:
        weights, bias = fold_batch_norm(before[0], before[1])
        weights /= scale
    else:
        code_weights /= scale
    arrays = {
        "mean_": mean,
        "hidden_weights_": weights,
        "hidden_bias_": bias,
        "code_weights_": code_weights,
        "code_bias_": code_bias,
    }
    return {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}


def _standardized(X: Floats) -> tuple[Floats, float, Floats]:
    """Return mean, common scale and (X − mean) / scale.

    One scale for all dimensions preserves their relative weights. If all vectors are identical,
    the scale is 1.
    """
    mean = column_means(X)
    centered = X - mean
    scale = float(np.sqrt(np.square(centered, dtype=np.float64).mean())) or 1.0
    return mean, scale, centered / np.float32(scale)
