"""Deep hashing (Liong et al. 2015), unsupervised and supervised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats, Labels
from hashlens.errors import DataError, ParameterError
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.math.perceptron import Layer, project_perceptron
from hashlens.hashers.parameters import check_int, check_real, check_torch

if TYPE_CHECKING:
    from torch import Tensor

    Tensors: TypeAlias = Sequence[tuple[Tensor, Tensor]]
    """Wᵐ, shape (out, in), and cᵐ, shape (out,), of every layer m."""

INITIAL_DEVIATION = 0.01
"""Standard deviation of initial weights that are neither a principal direction nor an identity."""


class DeepHashing(Hasher):
    """A perceptron of three tanh layers whose outputs are near ±1, spread out and independent.

    h⁰ = x, hᵐ = tanh(Wᵐ hᵐ⁻¹ + cᵐ), bits = sign(h³). With H (K, N) the outputs of N vectors and
    B = sign(H), training minimizes by gradient descent, renewing B at every step (eq. 8),

        J = ½‖B − H‖²_F − (λ₁/2N) tr(HHᵀ) + (λ₂/2) Σ_m ‖Wᵐ Wᵐᵀ − I‖²_F
            + (λ₃/2) Σ_m (‖Wᵐ‖²_F + ‖cᵐ‖²)

    It accepts any number of bits, also more than dimensions, and two or more training vectors.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    widths : (int, int), optional
        Units of the two hidden layers; by default (K + 44, K + 16), close to the paper's choices
        for 16 bits (60, 30), 32 bits (80, 50) and 64 bits (100, 80).
    variance_weight, orthogonality_weight, decay_weight : float, default 100, 0.001, 0.001
        λ₁, λ₂ and λ₃.
    epochs : int, default 20
        Passes over the training vectors.
    batch_size : int, default 2048
        N, the vectors per step. The first term is a sum over N, the second a mean: in small
        batches the second dominates, and bits become copies of each other.
    learning_rate : float, default 0.01
        Step size along the gradient of J/N, with momentum 0.9.
    random_state : int, default 0
        Seed of the batch order and of the initial weights.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    first_weights_, second_weights_, code_weights_ : float32 arrays
        Wᵐ transposed: shapes (D, p₁), (p₁, p₂), (p₂, K).
    first_bias_, second_bias_, code_bias_ : float32 arrays
        cᵐ: shapes (p₁,), (p₂,), (K,).
    losses_ : float64 array of shape (epochs,)
        J/N averaged over the batches of each epoch. Not saved.

    References
    ----------
    V. E. Liong, J. Lu, G. Wang, P. Moulin, J. Zhou, "Deep hashing for compact binary codes
    learning", CVPR 2015, sections 3.2 and 3.3. Deviations: J is computed over mini-batches, not
    over all data; vectors are centered and divided by one common scale, so that the first layer's
    inputs to tanh have unit variance whatever the scale of the descriptor. As in the paper, W¹
    starts as principal directions and the other layers as identities; the entries that neither
    defines start small and random.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> DeepHashing(bits=16, epochs=2).fit_transform(X).shape
    (50, 2)
    """

    name: ClassVar[str] = "dh"
    learned: ClassVar[tuple[str, ...]] = (
        "mean_",
        "first_weights_",
        "first_bias_",
        "second_weights_",
        "second_bias_",
        "code_weights_",
        "code_bias_",
    )
    axes: ClassVar[Mapping[str, str]] = {
        "mean_": "D",
        "first_weights_": "DA",
        "first_bias_": "A",
        "second_weights_": "AB",
        "second_bias_": "B",
        "code_weights_": "BK",
        "code_bias_": "K",
    }

    mean_: Floats
    first_weights_: Floats
    first_bias_: Floats
    second_weights_: Floats
    second_bias_: Floats
    code_weights_: Floats
    code_bias_: Floats
    losses_: Doubles

    def __init__(
        self,
        bits: int = 64,
        widths: Sequence[int] | None = None,
        variance_weight: float = 100.0,
        orthogonality_weight: float = 0.001,
        decay_weight: float = 0.001,
        epochs: int = 20,
        batch_size: int = 2048,
        learning_rate: float = 0.01,
        random_state: int = 0,
    ) -> None:
        self.bits = bits
        self.widths = widths
        self.variance_weight = variance_weight
        self.orthogonality_weight = orthogonality_weight
        self.decay_weight = decay_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Train the perceptron; ``y`` is ignored unless the method is supervised.

        Raises
        ------
        MissingExtraError
            If PyTorch is not installed.
        ParameterError
            If a parameter is out of range.
        DataError
            If the training diverges.
        """
        check_torch(type(self).__name__)
        vectors, labels = self._check_training(X, y)
        settings = self._settings()
        pca = PCA.fit(vectors, settings.widths[0])
        # The first layer's inputs to tanh get unit variance.
        scale = float(np.sqrt(pca.variances.mean())) or 1.0
        rng = np.random.default_rng(settings.seed)
        start = initial_layers(pca.axes, settings.widths, rng)
        inputs = (vectors - pca.mean) / np.float32(scale)
        (first, second, code), self.losses_ = train(inputs, labels, start, settings)
        self.mean_ = pca.mean
        self.first_weights_ = (first[0].astype(np.float64) / scale).astype(np.float32)
        self.first_bias_ = first[1]
        self.second_weights_, self.second_bias_ = second
        self.code_weights_, self.code_bias_ = code
        return self

    def _settings(self) -> Settings:
        caller = type(self).__name__
        widths = (self.bits + 44, self.bits + 16) if self.widths is None else tuple(self.widths)
        if len(widths) != 2:
            raise ParameterError(
                f"The 'widths' parameter of {caller} must be two ints. Got {self.widths!r} instead."
            )
        lambda1, lambda2, lambda3 = (
            check_real(getattr(self, name), name, caller, 0)
            for name in ("variance_weight", "orthogonality_weight", "decay_weight")
        )
        return Settings(
            widths=(*(check_int(width, "widths", caller, 1) for width in widths), self.bits),
            weights=Weights(lambda1, lambda2, lambda3),
            epochs=check_int(self.epochs, "epochs", caller, 1),
            batch_size=check_int(self.batch_size, "batch_size", caller, 2),
            learning_rate=check_real(self.learning_rate, "learning_rate", caller, 0, above=True),
            seed=check_int(self.random_state, "random_state", caller, 0),
        )

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return W³h² + c³, which has the sign of h³ = tanh(·): float32 of shape (n, bits)."""
        vectors = self._check_input(X)
        layers = [
            (self.first_weights_, self.first_bias_),
            (self.second_weights_, self.second_bias_),
            (self.code_weights_, self.code_bias_),
        ]
        return project_perceptron(vectors, self.mean_, layers, np.tanh)


class SupervisedDeepHashing(DeepHashing):
    """`DeepHashing` that also pulls vectors of one class together and different classes apart.

    The variance term becomes (λ₁/2) [tr(HHᵀ)/N + α tr(S_d − S_s)] (eq. 13), with S_s the mean of
    (h_i − h_j)(h_i − h_j)ᵀ over pairs of the same class and S_d over pairs of different classes;
    the pairs are those of the mini-batch.

    Parameters
    ----------
    scatter_weight : float, default 1
        α. All other parameters and all attributes are those of `DeepHashing`.

    References
    ----------
    As for `DeepHashing`, section 3.3.
    """

    name: ClassVar[str] = "sdh"
    supervised: ClassVar[bool] = True

    def __init__(
        self,
        bits: int = 64,
        widths: Sequence[int] | None = None,
        variance_weight: float = 100.0,
        orthogonality_weight: float = 0.001,
        decay_weight: float = 0.001,
        scatter_weight: float = 1.0,
        epochs: int = 20,
        batch_size: int = 2048,
        learning_rate: float = 0.01,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            bits,
            widths,
            variance_weight,
            orthogonality_weight,
            decay_weight,
            epochs,
            batch_size,
            learning_rate,
            random_state,
        )
        self.scatter_weight = scatter_weight

    def _settings(self) -> Settings:
        alpha = check_real(self.scatter_weight, "scatter_weight", type(self).__name__, 0)
        settings = super()._settings()
        return replace(settings, weights=replace(settings.weights, scatter=alpha))


@dataclass(frozen=True, slots=True)
class Weights:
    """λ₁, λ₂, λ₃ and, for labels, α."""

    variance: float
    orthogonality: float
    decay: float
    scatter: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked parameters of a training; ``widths`` are p₁, p₂ and K."""

    widths: tuple[int, ...]
    weights: Weights
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int


def initial_layers(axes: Floats, widths: Sequence[int], rng: np.random.Generator) -> list[Layer]:
    """Return Wᵐ and cᵐ: principal directions ``axes`` (D, ≤ p₁), then identities; zero biases."""
    layers = []
    for number, (into, out) in enumerate(pairwise([len(axes), *widths])):
        weights = INITIAL_DEVIATION * rng.standard_normal((out, into), dtype=np.float32)
        known = axes.T if number == 0 else np.eye(out, into, dtype=np.float32)
        weights[: len(known)] = known
        layers.append((weights, np.zeros(out, np.float32)))
    return layers


def train(
    X: Floats, y: Labels | None, start: Sequence[Layer], settings: Settings
) -> tuple[list[Layer], Doubles]:
    """Minimize J by gradient descent with momentum over shuffled mini-batches.

    Parameters
    ----------
    X : float32 array of shape (n, D)
        Centered and scaled.
    y : int64 array of shape (n,), numbered from 0, or None
    start : sequence of (Wᵐ, cᵐ)
    settings : Settings

    Returns
    -------
    layers : list of (Wᵐ transposed, cᵐ)
    losses : float64 array of shape (epochs,)
        J/N averaged over the batches of each epoch.

    Raises
    ------
    DataError
        If the objective is no longer finite.
    """
    import torch

    inputs = torch.from_numpy(X)
    labels = None if y is None else torch.from_numpy(y)
    layers = [
        (torch.tensor(W, requires_grad=True), torch.tensor(c, requires_grad=True)) for W, c in start
    ]
    parameters = [parameter for layer in layers for parameter in layer]
    optimizer = torch.optim.SGD(parameters, lr=settings.learning_rate, momentum=0.9)
    order = torch.Generator().manual_seed(settings.seed)
    losses = np.zeros(settings.epochs)
    for epoch in range(settings.epochs):
        batches = torch.randperm(len(inputs), generator=order).split(settings.batch_size)
        for batch in batches:
            h = forward(inputs[batch], layers)
            chosen = None if labels is None else labels[batch]
            loss = objective(h, chosen, layers, settings.weights) / len(batch)
            if not torch.isfinite(loss):
                raise DataError(
                    f"Deep hashing diverged in epoch {epoch + 1}: the objective is not finite. "
                    "Lower learning_rate or orthogonality_weight."
                )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[epoch] += loss.item() / len(batches)
    return [(W.detach().numpy().T.copy(), c.detach().numpy()) for W, c in layers], losses


def forward(x: Tensor, layers: Tensors) -> Tensor:
    """Return h³ of vectors ``x`` (N, D), the transpose of H: shape (N, K), in (−1, 1)."""
    from torch.nn.functional import linear

    for weights, bias in layers:
        x = linear(x, weights, bias).tanh()
    return x


def objective(h: Tensor, labels: Tensor | None, layers: Tensors, weights: Weights) -> Tensor:
    """Return J, or with labels the objective of `SupervisedDeepHashing`.

    Parameters
    ----------
    h : Tensor of shape (N, K)
        The transpose of H.
    labels : int64 Tensor of shape (N,), or None
        Numbered from 0.
    layers : sequence of (Wᵐ, cᵐ)
    weights : Weights
    """
    # B is constant within a step: no gradient flows through the sign.
    signs = 2.0 * (h.detach() > 0) - 1.0
    quantization = (signs - h).square().sum()
    spread = h.square().sum() / len(h)
    if labels is not None:
        spread = spread + weights.scatter * scatter_difference(h, labels)
    orthogonality = sum((W @ W.T - W.new_ones(len(W)).diag()).square().sum() for W, _ in layers)
    decay = sum(W.square().sum() + c.square().sum() for W, c in layers)
    return 0.5 * (
        quantization
        - weights.variance * spread
        + weights.orthogonality * orthogonality
        + weights.decay * decay
    )


def scatter_difference(h: Tensor, labels: Tensor) -> Tensor:
    """Return tr(S_d − S_s): the mean ‖h_i − h_j‖² between classes, less the mean within classes.

    Over all ordered pairs of n vectors, Σ ‖h_i − h_j‖² = 2n Σ ‖h_i‖² − 2 ‖Σ h_i‖², so that sums
    over classes replace sums over pairs. A term without pairs in the batch is 0.

    Parameters
    ----------
    h : Tensor of shape (N, K)
    labels : int64 Tensor of shape (N,)
        Numbered from 0.
    """
    classes = int(labels.max()) + 1
    counts = labels.bincount(minlength=classes).to(h.dtype)
    sums = h.new_zeros(classes, h.shape[1]).index_add(0, labels, h)
    lengths = h.new_zeros(classes).index_add(0, labels, h.square().sum(dim=1))
    within = 2 * (counts * lengths - sums.square().sum(dim=1)).sum()
    total = 2 * (len(h) * lengths.sum() - sums.sum(dim=0).square().sum())
    pairs_within = float((counts * (counts - 1)).sum())
    pairs = len(h) * (len(h) - 1)
    return (total - within) / max(pairs - pairs_within, 1) - within / max(pairs_within, 1)
