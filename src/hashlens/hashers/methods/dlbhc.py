"""Deep learning of binary hash codes (Lin et al. 2015): a sigmoid layer before the classifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy.typing as npt

from hashlens.arrays import Floats
from hashlens.hashers.base import Hasher
from hashlens.hashers.inputs import check_rows
from hashlens.hashers.math.projection import project_centered
from hashlens.hashers.parameters import check_int, check_torch
from hashlens.hashers.presets import Schedule, changed, check_schedule


class DLBHC(Hasher):
    """h = σ(W x + b), bit = [h ≥ 0.5], trained through a softmax classifier on h.

    The classifier can tell classes apart only by the outputs of the K sigmoids, and sigmoids that
    are nearly on or off carry the most information. It is discarded after training.

    It accepts any number of bits, also more than dimensions. A tenth of the training vectors is
    held out to choose the epoch, so it needs at least about a dozen vectors.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    schedule : mapping, optional
        Fields of `hashlens.hashers.presets.Schedule` that differ from its defaults; momentum 0.9
        and weight decay 5·10⁻⁴ are the paper's.
    random_state : int, default 0
        Seed of weights, validation set and batch order.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
    bias_ : float32 array of shape (K,)
        bit = [(x − mean) weights + bias > 0].
    history_ : list of Epoch
        Losses and validation precision at 5 of every epoch. Not saved.

    References
    ----------
    K. Lin, H.-F. Yang, J.-H. Hsiao, C.-S. Chen, "Deep learning of binary hash codes for fast image
    retrieval", CVPR Workshops 2015, section 3.2. Deviations: the network before the hash layer is
    the descriptor, which is not fine-tuned; vectors are centered and divided by one common scale;
    the learning rate follows one cycle. Re-ranking by the descriptor's Euclidean distance (section
    3.3) is part of the search, for any method.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(90) % 3
    >>> X = np.random.default_rng(0).standard_normal((90, 32)) + 3 * y[:, None]
    >>> hasher = DLBHC(bits=16, schedule={"epochs": 2})
    >>> hasher.fit_transform(X, y).shape
    (90, 2)
    """

    name: ClassVar[str] = "dlbhc"
    supervised: ClassVar[bool] = True
    several_labels: ClassVar[bool] = True
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_", "bias_")
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK", "bias_": "K"}

    mean_: Floats
    weights_: Floats
    bias_: Floats
    history_: list[Any]

    def __init__(
        self, bits: int = 64, schedule: Mapping[str, Any] | None = None, random_state: int = 0
    ) -> None:
        self.bits = bits
        self.schedule = schedule
        self.random_state = random_state

    def fit(
        self,
        X: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        on_epoch: Any = None,
        validation: npt.ArrayLike | None = None,
    ) -> Self:
        """Train the hash layer and the classifier.

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
        from hashlens.hashers.networks.heads import train_softmax_head
        from hashlens.hashers.networks.loop import Monitor

        schedule = changed(Schedule(), self.schedule)
        check_schedule(schedule)
        seed = check_int(self.random_state, "random_state", type(self).__name__, 0)
        vectors, targets, classes = self._check_targets(X, y)
        rows = check_rows(validation, len(vectors), type(self).__name__)
        weights, self.history_ = train_softmax_head(
            vectors, targets, classes, self.bits, schedule, seed, Monitor(on_epoch, rows)
        )
        for name, array in weights.items():
            setattr(self, name, array)
        return self

    def configuration(self) -> dict[str, Any]:
        """Return the parameters, with the complete schedule."""
        return {**self.get_params(), "schedule": asdict(changed(Schedule(), self.schedule))}

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return W x + b, positive where h > 0.5: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_) + self.bias_
