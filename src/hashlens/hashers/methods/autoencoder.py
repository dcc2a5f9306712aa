"""The paper's hashing autoencoder (Zelensky, Pismenskova, Voronin 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats
from hashlens.errors import FormatError
from hashlens.hashers.base import Hasher
from hashlens.hashers.inputs import check_rows
from hashlens.hashers.math.projection import row_blocks
from hashlens.hashers.parameters import check_int, check_torch
from hashlens.hashers.presets import resolve_preset


class AutoencoderHasher(Hasher):
    """A descriptor layer, an encoder, a decoder that mirrors it, and a softmax head.

    With x the standardized features of the trunk, f the descriptor in [0, 1]^U, and K bits:

    - descriptor layer: f = σ(A x + a);
    - encoder: h = σ(Θ f + b), bit = [h ≥ 0.5]; with ``join_trunk`` its input is (f, x);
    - decoder: f' = σ(Θᵀ h + b'), eqs. (3) and (4), with tied weights or weights of its own;
    - head: softmax over the classes from 2h − 1, used in training only.

    The loss is a weighted sum of terms, each of which a weight of 0 turns off: the negative
    log-likelihood of the labels (12), the reconstruction error ‖f − f'‖² (7, 8), the penalty
    λ‖W‖_p^p (9–11), and, for the paper's constraints on codes, balance and decorrelation of bits
    and the quantization error. Two options are not from the paper and help with classes not seen
    in training: ``free_share``, bits that no network is trained for; and distillation, a term that
    preserves the relations between features after `within_class_whitening`. See
    `hashlens.hashers.networks.losses`.

    Where the paper is ambiguous or can't be followed, we read it as follows:

    - Eq. (6), the number of errors among the top five, has no gradient. It is the metric; (12) is
      what training minimizes.
    - The encoder's input is "the joined features of the network and the descriptor" or the
      descriptor alone: ``join_trunk`` chooses.
    - Eq. (4) prints b' = −b, which has the wrong shape: b' is a separate vector.
    - The descriptor is the decoder's target, and no gradient flows into the target: otherwise the
      descriptor could become constant, which is reconstructed perfectly and carries no information.
    - "L2 penalty, multiplier 5" is the VGG recipe's 5·10⁻⁴.
    - The paper's features come from a trunk of its choice; ours are the input of ``fit``.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    preset : {"default", "general", "paper"}
        ``paper`` is the configuration as published. ``default`` keeps its structure and is tuned
        for the training classes. ``general`` is for collections that will also hold other classes:
        the network is trained for some of the bits, the others are `whitened_directions`. See
        `hashlens.hashers.presets`.
    architecture, terms, schedule : mapping, optional
        Fields of `Architecture`, `Terms` and `Schedule` that differ from the preset's.
    random_state : int, default 0
        Seed of weights, validation set and batch order.

    Attributes
    ----------
    descriptor_weights_, descriptor_bias_ : float32 arrays of shapes (D, U) and (U,)
        The descriptor layer, with standardization and batch norm folded in.
    code_weights_, code_bias_ : float32 arrays of shapes (U, K) or (U + D, K), and (K,)
        The encoder, likewise. Free bits depend on x alone.
    history_ : list of Epoch
        Losses and validation precision at 5 of every epoch, for the trained bits. Not saved.

    References
    ----------
    A. A. Zelensky, M. M. Pismenskova, V. V. Voronin, "Algorithm for image retrieval in the space
    of hash functions based on the deep neural network technologies", Proceedings of TUSUR 21(3),
    2018, 57–62.
    """

    name: ClassVar[str] = "autoencoder"
    supervised: ClassVar[bool] = True
    several_labels: ClassVar[bool] = True
    former_parameters: ClassVar[Mapping[str, str]] = {"quantisation": "quantization"}
    learned: ClassVar[tuple[str, ...]] = (
        "descriptor_weights_",
        "descriptor_bias_",
        "code_weights_",
        "code_bias_",
    )
    axes: ClassVar[Mapping[str, str]] = {
        "descriptor_weights_": "DH",
        "descriptor_bias_": "H",
        "code_weights_": "JK",
        "code_bias_": "K",
    }

    descriptor_weights_: Floats
    descriptor_bias_: Floats
    code_weights_: Floats
    code_bias_: Floats
    history_: list[Any]

    def __init__(
        self,
        bits: int = 64,
        preset: str = "default",
        architecture: Mapping[str, Any] | None = None,
        terms: Mapping[str, float] | None = None,
        schedule: Mapping[str, Any] | None = None,
        random_state: int = 0,
    ) -> None:
        self.bits = bits
        self.preset = preset
        self.architecture = architecture
        self.terms = terms
        self.schedule = schedule
        self.random_state = random_state

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        on_epoch: Any = None,
        validation: npt.ArrayLike | None = None,
    ) -> Self:
        """Train on features ``X`` (n, D) with labels ``y`` (n,).

        Part of the training set is held out to choose the epoch (early stopping); see `Schedule`.

        Parameters
        ----------
        X : float array of shape (n, D)
        y : labels of shape (n,), or table of 0 and 1 of shape (n, C)
        on_epoch : callable, optional
            Called with a `hashlens.hashers.networks.loop.Epoch` after each epoch.
        validation : int array, optional
            Rows of ``X`` to choose the epoch by; by default a random share, see `Schedule`.

        Raises
        ------
        MissingExtraError
            If PyTorch is not installed.
        ParameterError, DataError
            If the input or a parameter is invalid, or the configuration has no such field.
        """
        check_torch(type(self).__name__)
        from hashlens.hashers.networks.autoencoder_network import train_autoencoder
        from hashlens.hashers.networks.loop import Monitor

        preset = resolve_preset(self.preset, self.architecture, self.terms, self.schedule)
        seed = check_int(self.random_state, "random_state", type(self).__name__, 0)
        vectors, targets, classes = self._check_targets(X, y)
        rows = check_rows(validation, len(vectors), type(self).__name__)
        weights, self.history_ = train_autoencoder(
            vectors, targets, classes, self.bits, preset, seed, Monitor(on_epoch, rows)
        )
        for name, array in weights.items():
            setattr(self, f"{name}_", array)
        return self

    def configuration(self) -> dict[str, Any]:
        """Return the parameters, with the preset resolved to layers, terms and schedule."""
        preset = resolve_preset(self.preset, self.architecture, self.terms, self.schedule)
        return {**self.get_params(), **asdict(preset)}

    def _check_state(self) -> None:
        D, H = self.descriptor_weights_.shape
        if len(self.code_weights_) not in (H, H + D):  # with the trunk joined, D more
            raise FormatError(
                f"The array 'code_weights_' of AutoencoderHasher must have {H} or {H + D} rows. "
                f"Got {len(self.code_weights_)} instead."
            )

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return Θ f + b, positive where h > 0.5: float32 of shape (n, bits).

        Sums are computed in float64, so that a vector gets the same code alone and in a batch.
        """
        vectors = self._check_input(X)
        units = self.descriptor_weights_.shape[1]
        layer, bias = self.descriptor_weights_.astype(np.float64), self.descriptor_bias_
        encoder = self.code_weights_.astype(np.float64)
        out = np.empty((len(vectors), self.bits), np.float32)
        for rows in row_blocks(len(vectors)):
            x = vectors[rows].astype(np.float64)
            codes = self.descriptors(x, layer, bias) @ encoder[:units]
            if len(encoder) > units:
                codes += x @ encoder[units:]
            out[rows] = codes + self.code_bias_
        return out

    @staticmethod
    def descriptors(x: Doubles, weights: Doubles, bias: Floats) -> Doubles:
        """Return σ(x A + a) in [0, 1], through tanh, which does not overflow."""
        return (np.tanh((x @ weights + bias) / 2) + 1) / 2

    def _input_width(self) -> int:
        return int(self.descriptor_weights_.shape[0])
