"""Codebook head: vectors are trained toward the codeword of their class, far from all others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats, Signs
from hashlens.errors import ParameterError
from hashlens.hashers.base import Hasher
from hashlens.hashers.inputs import check_rows
from hashlens.hashers.math.codewords import minimum_distance, random_codewords, separated_codewords
from hashlens.hashers.math.perceptron import project_perceptron, relu
from hashlens.hashers.parameters import check_choice, check_int, check_real, check_torch
from hashlens.hashers.presets import Schedule, changed, check_schedule

LOSSES = ("orthohash", "csq")


class CodebookHasher(Hasher):
    """A perceptron whose output signs are trained to equal the codeword of the vector's class.

    The codewords are chosen before training so that any two differ in many bits: a vector that
    misses a few bits of its codeword is still closest to it. A vector with several labels is pulled
    equally toward all of their codewords.

    It accepts any number of bits, also more than dimensions. A tenth of the training vectors is
    held out to choose the epoch, so it needs at least about a dozen vectors.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    loss : {"orthohash", "csq"}, default "orthohash"
        With v the outputs and c_j ∈ {−1, 1}^K the codeword of class j: cross-entropy over
        scale · (cos(v, c_j) − margin · [j = label]); or the binary cross-entropy between each
        (tanh v + 1)/2 and the corresponding bit of the label's codeword. With m labels, each
        counts for 1/m in the cross-entropy and has the margin; the target bits of "csq" are the
        means of the codewords.
    codewords : {"separated", "random"}, default "separated"
        The best construction in `hashlens.hashers.math.codewords`, or random bits.
    hidden : int, default 1024
        Units of the hidden layer; 0 is a linear hash without one.
    scale, margin : float, default 8, 0.4
        Parameters of "orthohash".
    schedule : mapping, optional
        Fields of `hashlens.hashers.presets.Schedule` that differ from its defaults.
    random_state : int, default 0
        Seed of codewords, weights, validation set and batch order.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    hidden_weights_, hidden_bias_ : float32 arrays of shapes (D, hidden) and (hidden,)
        With batch norm folded in. Empty, (D, 0), without a hidden layer.
    code_weights_, code_bias_ : float32 arrays of shapes (hidden or D, K) and (K,)
    codewords_ : int8 array of shape (classes, K), entries −1 and 1
        In the order of sorted labels. Not saved.
    min_distance_ : int
        The smallest Hamming distance between two codewords, in bits. Not saved.
    history_ : list of Epoch
        Losses and validation precision at 5 of every epoch. Not saved.

    References
    ----------
    J. T. Hoe, K. W. Ng, T. Zhang, C. S. Chan, Y.-Z. Song, T. Xiang, "One loss for all: deep hashing
    with a single cosine similarity based learning objective", NeurIPS 2021, eq. 6. L. Yuan, T.
    Wang, X. Zhang, F. E. H. Tay, Z. Jie, W. Liu, J. Feng, "Central similarity quantization for
    efficient image and video retrieval", CVPR 2020, eqs. 4 to 6. Deviations: the descriptor is not
    fine-tuned, a hidden layer takes its place; codewords are searched for, not drawn; the
    quantization term of "csq" is omitted, as its binary cross-entropy saturates by itself; for
    several labels, CSQ takes the majority of the codewords' bits, with random ties.

    Examples
    --------
    >>> y = np.arange(90) % 3
    >>> X = np.random.default_rng(0).standard_normal((90, 32)) + 3 * y[:, None]
    >>> hasher = CodebookHasher(bits=16, schedule={"epochs": 2})
    >>> hasher.fit_transform(X, y).shape
    (90, 2)
    """

    name: ClassVar[str] = "codebook"
    supervised: ClassVar[bool] = True
    several_labels: ClassVar[bool] = True
    learned: ClassVar[tuple[str, ...]] = (
        "mean_",
        "hidden_weights_",
        "hidden_bias_",
        "code_weights_",
        "code_bias_",
    )
    axes: ClassVar[Mapping[str, str]] = {
        "mean_": "D",
        "hidden_weights_": "DH",
        "hidden_bias_": "H",
        "code_weights_": "HK",
        "code_bias_": "K",
    }

    mean_: Floats
    hidden_weights_: Floats
    hidden_bias_: Floats
    code_weights_: Floats
    code_bias_: Floats
    codewords_: Signs
    min_distance_: int
    history_: list[Any]

    def __init__(
        self,
        bits: int = 64,
        loss: str = "orthohash",
        codewords: str = "separated",
        hidden: int = 1024,
        scale: float = 8.0,
        margin: float = 0.4,
        schedule: Mapping[str, Any] | None = None,
        random_state: int = 0,
    ) -> None:
        self.bits = bits
        self.loss = loss
        self.codewords = codewords
        self.hidden = hidden
        self.scale = scale
        self.margin = margin
        self.schedule = schedule
        self.random_state = random_state

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        on_epoch: Any = None,
        validation: npt.ArrayLike | None = None,
    ) -> Self:
        """Choose codewords, then train the perceptron.

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
            If the input or a parameter is invalid, or the schedule has no such field.
        """
        check_torch(type(self).__name__)
        from hashlens.hashers.networks.heads import CodewordLoss, train_codebook_head
        from hashlens.hashers.networks.loop import Monitor

        schedule = self.check_parameters()
        vectors, targets, classes = self._check_targets(X, y)
        rows = check_rows(validation, len(vectors), type(self).__name__)
        self.codewords_ = self.choose_codewords(classes)
        self.min_distance_ = minimum_distance(self.codewords_)
        weights, self.history_ = train_codebook_head(
            vectors,
            targets,
            self.hidden,
            CodewordLoss(self.codewords_, self.loss, self.scale, self.margin),
            schedule,
            self.random_state,
            Monitor(on_epoch, rows),
        )
        for name, array in weights.items():
            setattr(self, name, array)
        return self

    def choose_codewords(self, classes: int) -> Signs:
        """Return one codeword per class: int8 (classes, bits), entries −1 and 1.

        Raises
        ------
        ParameterError
            If there are more classes than words of this length.
        """
        if classes > 2**self.bits:
            needed = 8 * math.ceil((classes - 1).bit_length() / 8)
            raise ParameterError(
                f"{classes:,} classes need as many codewords, but {self.bits} bits make only "
                f"{2**self.bits}. The 'bits' parameter must be at least {needed}."
            )
        if self.codewords == "separated":
            return separated_codewords(classes, self.bits, self.random_state)
        return random_codewords(classes, self.bits, np.random.default_rng(self.random_state))

    def check_parameters(self) -> Schedule:
        """Check all parameters and return the schedule.

        Raises
        ------
        ParameterError
            If one is out of range.
        """
        caller = type(self).__name__
        check_choice(self.loss, "loss", caller, LOSSES)
        check_choice(self.codewords, "codewords", caller, ("separated", "random"))
        check_int(self.hidden, "hidden", caller, 0)
        check_real(self.scale, "scale", caller, 0, above=True)
        check_real(self.margin, "margin", caller, 0)
        check_int(self.random_state, "random_state", caller, 0)
        schedule = changed(Schedule(), self.schedule)
        check_schedule(schedule)
        return schedule

    def configuration(self) -> dict[str, Any]:
        """Return the parameters, with the complete schedule."""
        return {**self.get_params(), "schedule": asdict(changed(Schedule(), self.schedule))}

    @classmethod
    def _stored_axes(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, str | None]:
        bias = arrays.get("hidden_bias_")
        if bias is not None and bias.size == 0:  # without a hidden layer
            narrow = {"hidden_weights_": "D0", "hidden_bias_": "0", "code_weights_": "DK"}
            return {**cls.axes, **narrow}
        return super()._stored_axes(arrays)

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return v, whose signs are the bits: float32 of shape (n, bits)."""
        vectors = self._check_input(X)
        layers = [(self.code_weights_, self.code_bias_)]
        if self.hidden_bias_.size:
            layers.insert(0, (self.hidden_weights_, self.hidden_bias_))
        return project_perceptron(vectors, self.mean_, layers, relu)
