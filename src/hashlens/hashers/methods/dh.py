"""Deep hashing (Liong et al. 2015), unsupervised and supervised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.errors import ParameterError
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.perceptron import project_perceptron
from hashlens.hashers.parameters import check_int, check_real


class DeepHashing(Hasher):
    """A perceptron of three tanh layers whose outputs are near ±1, spread out and independent.

    h⁰ = x, hᵐ = tanh(Wᵐ hᵐ⁻¹ + cᵐ), bits = sign(h³). With H (K, N) the outputs of N vectors and
    B = sign(H), it minimizes by gradient descent, B being renewed at every step (eq. 8),

        J = ½‖B − H‖²_F − (λ₁/2N) tr(HHᵀ) + (λ₂/2) Σ_m ‖Wᵐ Wᵐᵀ − I‖²_F
            + (λ₃/2) Σ_m (‖Wᵐ‖²_F + ‖cᵐ‖²)

    It takes any number of bits, also more than dimensions, and any number of training vectors from
    two on.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    widths : (int, int), optional
        Units of the two hidden layers; by default (K + 44, K + 16), about what the paper has at
        16 bits (60, 30), 32 bits (80, 50) and 64 bits (100, 80).
    variance_weight, orthogonality_weight, decay_weight : float, default 100, 0.001, 0.001
        λ₁, λ₂ and λ₃.
    epochs : int, default 20
        Passes over the training vectors.
    batch_size : int, default 2048
        N, the vectors of one step. The first term is a sum over N, the second a mean: in small
        batches the second rules, and bits become copies of each other.
    learning_rate : float, default 0.01
        Of a step along the gradient of J/N, with momentum 0.9.
    random_state : int, default 0
        Seed of the order of batches and of weights beyond the principal directions.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    first_weights_, second_weights_, code_weights_ : float32 arrays
        Wᵐ transposed: shapes (D, p₁), (p₁, p₂), (p₂, K).
    first_bias_, second_bias_, code_bias_ : float32 arrays
        cᵐ: shapes (p₁,), (p₂,), (K,).
    losses_ : float64 array of shape (epochs,)
        The mean of J/N over each epoch's batches. Not saved.

    References
    ----------
    V. E. Liong, J. Lu, G. Wang, P. Moulin, J. Zhou, "Deep hashing for compact binary codes
    learning", CVPR 2015, sections 3.2 and 3.3. Deviations: J is taken over mini-batches, not over
    all data; vectors are centered and divided by one common scale, so that the first layer's
    inputs to tanh have unit variance whatever the scale of the descriptor; W¹ begins as principal
    directions and the others as the identity, as in the paper, the rest of them small and random.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((50, 32))
    >>> DeepHashing(bits=16, epochs=2).fit_transform(X).shape  # doctest: +SKIP
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

    mean_: Floats
    first_weights_: Floats
    first_bias_: Floats
    second_weights_: Floats
    second_bias_: Floats
    code_weights_: Floats
    code_bias_: Floats
    losses_: npt.NDArray[np.float64]

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
        from hashlens.hashers.networks.deep_hashing import train_deep_hashing

        vectors, labels = self._check_training(X, y)
        weights, self.losses_ = train_deep_hashing(vectors, labels, **self._settings())
        for name, array in weights.items():
            setattr(self, name, array)
        return self

    def _settings(self) -> dict[str, Any]:
        """Return validated arguments of the training function."""
        caller = type(self).__name__
        widths = (self.bits + 44, self.bits + 16) if self.widths is None else tuple(self.widths)
        if len(widths) != 2:
            raise ParameterError(
                f"The 'widths' parameter of {caller} must be two ints. Got {self.widths!r} instead."
            )
        return {
            "widths": (*(check_int(width, "widths", caller, 1) for width in widths), self.bits),
            "lambdas": tuple(
                check_real(getattr(self, name), name, caller, 0)
                for name in ("variance_weight", "orthogonality_weight", "decay_weight")
            ),
            "epochs": check_int(self.epochs, "epochs", caller, 1),
            "batch_size": check_int(self.batch_size, "batch_size", caller, 2),
            "learning_rate": check_real(self.learning_rate, "learning_rate", caller, 0, above=True),
            "seed": check_int(self.random_state, "random_state", caller, 0),
        }

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return W³h² + c³, of the sign of h³ = tanh(·): float32 of shape (n, bits)."""
        vectors = self._check_input(X)
        layers = [
            (self.first_weights_, self.first_bias_),
            (self.second_weights_, self.second_bias_),
            (self.code_weights_, self.code_bias_),
        ]
        return project_perceptron(vectors, self.mean_, layers, np.tanh)


class SupervisedDeepHashing(DeepHashing):
    """`DeepHashing` that also draws vectors of one class together and other classes apart.

    The variance term becomes (λ₁/2) [tr(HHᵀ)/N + α tr(S_d − S_s)] (eq. 13), S_s the mean of
    (h_i − h_j)(h_i − h_j)ᵀ over pairs of one class and S_d over pairs of different classes; pairs
    are those of the mini-batch.

    Parameters
    ----------
    scatter_weight : float, default 1
        α. All other parameters, and all attributes, are those of `DeepHashing`.

    References
    ----------
    As `DeepHashing`, section 3.3.
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

    def _settings(self) -> dict[str, Any]:
        alpha = check_real(self.scatter_weight, "scatter_weight", type(self).__name__, 0)
        return {**super()._settings(), "scatter_weight": alpha}
