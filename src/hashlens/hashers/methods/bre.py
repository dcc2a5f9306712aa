"""Binary reconstructive embeddings (Kulis, Darrell 2009)."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Floats, Labels
from hashlens.errors import DataError, ParameterError
from hashlens.hashers.base import Hasher, check_labels
from hashlens.hashers.math.linear import column_means, project_centered
from hashlens.hashers.methods.bre_descent import Reconstruction
from hashlens.hashers.parameters import check_int, check_random_state, check_real

START_DEVIATION = 0.001
"""Standard deviation of the first weights."""


class BRE(Hasher):
    """Bits whose normalized Hamming distance reconstructs the distance of the vectors.

    Bit p = [Σ_q W_qp x_pqᵀ x > 0], with a few training vectors x_pq as the bit's anchors. The
    weights minimize ½ Σ (Hamming(i, j)/K − d_ij)² over a sample of pairs, d_ij = ½‖x_i − x_j‖²
    scaled to at most 1; with ``use_labels``, d_ij is 0 for a pair of one class and 1 for others.
    One weight is moved at a time, to the exact minimum along it.

    It takes any number of bits, also more than dimensions, and any number of training vectors from
    two on.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    use_labels : bool, default False
        Whether to reconstruct labels in place of distances (the paper's supervised scenario).
    samples : int, default 1000
        Training vectors that are drawn to form pairs.
    pair_share : float, default 0.05
        Share of all pairs of samples that count, in (0, 1].
    anchors : int, default 20
        Anchors a bit.
    sweeps : int, default 10
        Cap on the passes over all weights; it ends when a pass no longer lowers the objective by
        a thousandth.
    random_state : int or None, default 0
        Seed of samples, pairs, anchors and first weights; None draws others at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        Σ_q W_qp x_pq of each bit; bit = [(x − mean) weights > 0].
    losses_ : float64 array of shape (passes + 1,)
        The objective at the start and after each pass, never rising. Not saved.

    References
    ----------
    B. Kulis, T. Darrell, "Learning to hash with binary reconstructive embeddings", NIPS 2009,
    section 2, with the linear kernel on centered vectors of unit length. Deviations: weights are
    visited in order rather than at random; a pair is drawn once, not from both of its ends.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((200, 32))
    >>> hasher = BRE(bits=16).fit(X)
    >>> hasher.transform(X).shape
    (200, 2)
    >>> bool(hasher.losses_[-1] < hasher.losses_[0])
    True
    """

    name: ClassVar[str] = "bre"
    learned: ClassVar[tuple[str, ...]] = ("mean_", "weights_")

    mean_: Floats
    weights_: Floats
    losses_: npt.NDArray[np.float64]

    def __init__(
        self,
        bits: int = 64,
        use_labels: bool = False,
        samples: int = 1000,
        pair_share: float = 0.05,
        anchors: int = 20,
        sweeps: int = 10,
        random_state: int | None = 0,
    ) -> None:
        self.bits = bits
        self.use_labels = use_labels
        self.samples = samples
        self.pair_share = pair_share
        self.anchors = anchors
        self.sweeps = sweeps
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Learn the weights; ``y`` is ignored unless ``use_labels``.

        Raises
        ------
        ParameterError
            If a parameter is out of range.
        DataError
            If ``use_labels`` is set and labels are missing or of one class only.
        """
        vectors, _ = self._check_training(X, y)
        sweeps = self._check_parameters()
        labels = self._labels(y, len(vectors)) if self.use_labels else None
        rng = check_random_state(self.random_state, type(self).__name__)
        self.mean_ = column_means(vectors)
        drawn = rng.choice(len(vectors), min(self.samples, len(vectors)), replace=False)
        unit = _unit_rows(vectors[drawn] - self.mean_)
        pairs = _draw_pairs(len(unit), self.pair_share, rng)
        targets = (
            _scaled_distances(unit, pairs) if labels is None else _differ(labels[drawn], pairs)
        )
        count = min(self.anchors, len(unit))
        anchors = np.stack([rng.choice(len(unit), count, replace=False) for _ in range(self.bits)])
        start = START_DEVIATION * rng.standard_normal((self.bits, count))
        descent = Reconstruction(unit @ unit.T, anchors, start, pairs, targets)
        self.losses_ = descent.minimize(sweeps)
        # weights_[:, p] = Σ_q W_qp x_pq
        mixed = np.einsum("pq,pqd->dp", descent.weights, unit[anchors])
        self.weights_ = np.ascontiguousarray(mixed, dtype=np.float32)
        return self

    @property
    def learns_from_labels(self) -> bool:
        """Whether ``use_labels`` is set."""
        return self.use_labels

    def _check_parameters(self) -> int:
        caller = type(self).__name__
        if not isinstance(self.use_labels, bool):
            raise ParameterError(
                f"The 'use_labels' parameter of {caller} must be a bool. Got {self.use_labels!r}."
            )
        check_int(self.samples, "samples", caller, 2)
        check_real(self.pair_share, "pair_share", caller, 0, 1, above=True)
        check_int(self.anchors, "anchors", caller, 1)
        return check_int(self.sweeps, "sweeps", caller, 1)

    def _labels(self, y: npt.ArrayLike | None, count: int) -> Labels:
        if y is None:
            raise DataError(
                "BRE(use_labels=True) is supervised: fit(X, y) needs labels. Got y=None."
            )
        labels = check_labels(y, count, "BRE")
        if len(np.unique(labels)) < 2:
            raise DataError(
                "BRE(use_labels=True) needs labels of at least 2 classes. Got only one."
            )
        return labels

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) weights: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)


def _unit_rows(vectors: Floats) -> npt.NDArray[np.float64]:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _draw_pairs(
    count: int, share: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return i and j of a share of all pairs i < j of ``count`` vectors, at least one pair."""
    i, j = np.triu_indices(count, 1)
    kept = rng.choice(len(i), max(1, round(share * len(i))), replace=False)
    return i[kept], j[kept]


def _scaled_distances(
    unit: npt.NDArray[np.float64], pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
) -> npt.NDArray[np.float64]:
    i, j = pairs
    half_squares = 0.5 * ((unit[i] - unit[j]) ** 2).sum(axis=1)
    return np.asarray(half_squares / max(half_squares.max(), np.finfo(float).tiny))


def _differ(
    labels: Labels, pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
) -> npt.NDArray[np.float64]:
    i, j = pairs
    return np.asarray(labels[i] != labels[j], dtype=np.float64)
