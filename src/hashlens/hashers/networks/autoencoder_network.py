"""The network of `AutoencoderHasher` in PyTorch, and its training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hashlens.arrays import AnyLabels, Floats
from hashlens.hashers.math.whitening import whitened_directions, within_class_whitening
from hashlens.hashers.networks import losses
from hashlens.hashers.networks.folding import fold_batch_norm
from hashlens.hashers.networks.loop import Epoch, Monitor, Training
from hashlens.hashers.presets import Architecture, Preset, Terms


class Autoencoder(nn.Module):
    """Descriptor layer, encoder, decoder and head, in the letters of `AutoencoderHasher`."""

    def __init__(self, width: int, classes: int, bits: int, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        units = architecture.descriptor_units
        self.descriptor = nn.Linear(width, units)
        self.encoder = nn.Linear(units + width * architecture.join_trunk, bits)
        self.descriptor_norm: nn.Module = nn.Identity()
        self.code_norm: nn.Module = nn.Identity()
        if architecture.batch_norm:
            self.descriptor_norm = nn.BatchNorm1d(units)
            nn.init.constant_(self.descriptor_norm.weight, architecture.steepness)
            nn.init.constant_(self.descriptor_norm.bias, -architecture.steepness)
            self.code_norm = nn.BatchNorm1d(bits)
        self.decoder = None if architecture.tied else nn.Linear(bits, units, bias=False)
        self.decoder_bias = nn.Parameter(torch.zeros(units))
        self.head = nn.Linear(bits, classes)

    def describe(self, x: Tensor) -> Tensor:
        """Return f = σ(A x + a), shape (n, U)."""
        return torch.sigmoid(self.descriptor_norm(self.descriptor(x)))

    def encode(self, f: Tensor, x: Tensor) -> Tensor:
        """Return Θ f + b, shape (n, K): the code before σ."""
        joined = torch.cat([f, x], dim=1) if self.architecture.join_trunk else f
        code: Tensor = self.code_norm(self.encoder(joined))
        return code

    def decode(self, h: Tensor) -> Tensor:
        """Return f' = σ(Θᵀ h + b'), shape (n, U)."""
        if self.decoder is None:
            weights = self.encoder.weight[:, : self.architecture.descriptor_units].T
        else:
            weights = self.decoder.weight
        return torch.sigmoid(functional.linear(h, weights, self.decoder_bias))

    def logits(self, h: Tensor, labels: Tensor) -> Tensor:
        """Return the head's logits, shape (n, classes); the cosine head needs the labels."""
        c = 2 * h - 1
        if self.architecture.head == "linear":
            linear: Tensor = self.head(c)
            return linear
        cosine = functional.linear(functional.normalize(c), functional.normalize(self.head.weight))
        own = losses.memberships(labels, cosine.shape[1])
        return self.architecture.scale * (cosine - self.architecture.margin * own)

    def forward(self, x: Tensor) -> Tensor:
        """Return the values thresholded at zero, shape (n, K)."""
        return self.encode(self.describe(x), x)

    def weights(self) -> list[Tensor]:
        """Return all weight matrices, to which the penalty (9, 10) applies."""
        layers = [self.descriptor, self.encoder, self.head, self.decoder]
        return [layer.weight for layer in layers if isinstance(layer, nn.Linear)]


class AutoencoderLoss:
    """Computes the loss terms of a batch; a term of weight 0 is skipped.

    Parameters
    ----------
    network : Autoencoder
    terms : Terms
    whitening : float32 Tensor of shape (width, width), optional
        `within_class_whitening` of the training data; distillation needs it.
    """

    def __init__(self, network: Autoencoder, terms: Terms, whitening: Tensor | None = None) -> None:
        self.network = network
        self.terms = terms
        self.whitening = whitening

    def __call__(self, x: Tensor, labels: Tensor) -> dict[str, tuple[float, Tensor]]:
        """Return name → (weight, term)."""
        network, terms = self.network, self.terms
        f = network.describe(x)
        h = torch.sigmoid(network.encode(f, x))
        available = {
            "nll": lambda: losses.negative_log_likelihood(network.logits(h, labels), labels),
            # No gradient into the target, see AutoencoderHasher.
            "reconstruction": lambda: losses.reconstruction(f.detach(), network.decode(h)),
            "penalty": lambda: losses.weight_penalty(network.weights(), terms.p),
            "balance": lambda: losses.balance(h),
            "decorrelation": lambda: losses.decorrelation(h),
            "quantization": lambda: losses.quantization(h),
            "distillation": lambda: losses.distillation(h, x @ self.whitening),
        }
        weights = {name: float(getattr(terms, name)) for name in available}
        return {name: (weights[name], term()) for name, term in available.items() if weights[name]}


def train_autoencoder(
    X: Floats,
    y: AnyLabels,
    classes: int,
    bits: int,
    preset: Preset,
    seed: int,
    monitor: Monitor,
) -> tuple[dict[str, Floats], list[Epoch]]:
    """Train an autoencoder.

    Parameters
    ----------
    X : float32 array of shape (n, D)
    y : int64 array of shape (n,), in [0, classes), or bool array of shape (n, classes)
    classes, bits : int
    preset : Preset
    seed : int
    monitor : Monitor

    Returns
    -------
    weights : dict
        The learned arrays of `AutoencoderHasher`, without their trailing underscores.
    history : list of Epoch
    """
    mean = X.mean(axis=0, dtype=np.float64).astype(np.float32)
    # One scale for all dimensions preserves their relative weights, unlike whitening. If all
    # vectors are identical, the scale is 1.
    scale = float((X - mean).std()) or 1.0
    free = free_bits(bits, preset.architecture.free_share, *X.shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Autoencoder(X.shape[1], classes, bits - free, preset.architecture)
    inputs = (X - mean) / scale
    whitening = None
    if preset.terms.distillation:
        whitening = torch.from_numpy(within_class_whitening(inputs, y))
    loss = AutoencoderLoss(network, preset.terms, whitening)
    history = Training(network, loss, preset.schedule, seed, monitor).run(inputs, y)
    arrays = folded(network, mean, scale)
    if free:
        arrays = with_linear_bits(arrays, *whitened_directions(X, y, free, seed))
    return arrays, history


def free_bits(bits: int, share: float, images: int, width: int) -> int:
    """Return how many bits of a code are free: ``share`` of them, rounded down to a multiple of 8.

    At least 8 bits are trained, and ITQ has at most as many bits as images or dimensions.
    """
    return min(8 * int(share * bits / 8), bits - 8, 8 * (min(images, width) // 8))


def with_linear_bits(
    arrays: dict[str, Floats],
    weights: Floats,
    bias: Floats,
) -> dict[str, Floats]:
    """Append bits [x · weights + bias > 0] to the network's bits, and return the arrays of both."""
    encoder, units = arrays["code_weights"], arrays["descriptor_weights"].shape[1]
    rows, trained = encoder.shape
    longer = np.zeros((units + len(weights), trained + len(bias)), np.float32)
    longer[:rows, :trained] = encoder
    longer[units:, trained:] = weights
    return arrays | {
        "code_weights": longer,
        "code_bias": np.concatenate([arrays["code_bias"], bias]),
    }


def folded(network: Autoencoder, mean: Any, scale: float) -> dict[str, Floats]:
    """Return the layers, with batch norms and standardization folded into weights and biases."""
    descriptor_weights, descriptor_bias = fold_batch_norm(
        network.descriptor, network.descriptor_norm
    )
    code_weights, code_bias = fold_batch_norm(network.encoder, network.code_norm)
    descriptor_bias = descriptor_bias - (mean / scale) @ descriptor_weights
    descriptor_weights = descriptor_weights / scale
    if network.architecture.join_trunk:
        units = network.architecture.descriptor_units
        code_bias = code_bias - (mean / scale) @ code_weights[units:]
        code_weights[units:] /= scale
    arrays = {
        "descriptor_weights": descriptor_weights,
        "descriptor_bias": descriptor_bias,
        "code_weights": code_weights,
        "code_bias": code_bias,
    }
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
