"""Binary reconstructive embeddings (Kulis, Darrell 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Floats, Labels, Mask, Rows
from hashlens.errors import ParameterError
from hashlens.hashers.base import Hasher
from hashlens.hashers.math.projection import column_means, project_centered
from hashlens.hashers.parameters import check_int, check_random_state, check_real

INITIAL_DEVIATION = 0.001
"""Standard deviation of the initial weights."""

SMALLEST_GAIN = 1e-3
"""Relative decrease of the objective per pass below which the descent ends."""

Pairs: TypeAlias = tuple[Rows, Rows]
"""i and j of every pair that counts."""


class BRE(Hasher):
    """Bits whose normalized Hamming distance reconstructs the distance between vectors.

    Bit p = [Σ_q W_pq κ(x_pq, x) > 0] with the linear kernel κ(x, y) = xᵀy and Q training vectors
    x_pq as the bit's anchors. The weights minimize

        O = ½ Σ_ij (Hamming(i, j)/K − d_ij)²

    over a sample of pairs, with d_ij = ½‖x_i − x_j‖² scaled to at most 1; with ``use_labels``,
    d_ij is 0 within a class and 1 between classes. Coordinate descent moves one weight at a time
    to the exact minimum along it.

    It accepts any number of bits, also more than dimensions, and two or more training vectors.

    Parameters
    ----------
    bits : int, default 64
        Code length K.
    use_labels : bool, default False
        Whether to reconstruct labels instead of distances (the paper's supervised scenario).
    samples : int, default 1000
        Number of training vectors drawn to form pairs.
    pair_share : float, default 0.05
        Share of all pairs of samples that count, in (0, 1].
    anchors : int, default 20
        Q, the anchors per bit.
    sweeps : int, default 10
        Maximum number of passes over all weights; a pass that lowers the objective by less than
        0.1 % is the last.
    random_state : int or None, default 0
        Seed of samples, pairs, anchors and initial weights; None draws new ones at every fit.

    Attributes
    ----------
    mean_ : float32 array of shape (D,)
    weights_ : float32 array of shape (D, K)
        Σ_q W_pq x_pq of each bit p; bit = [(x − mean) weights > 0].
    losses_ : float64 array of shape (passes + 1,)
        The objective at the start and after each pass, never rising. Not saved.

    References
    ----------
    B. Kulis, T. Darrell, "Learning to hash with binary reconstructive embeddings", NIPS 2009,
    section 2, with the linear kernel on centered vectors of unit length. Deviations: weights are
    visited in order, not at random; a pair is drawn once, not from both of its ends.

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
    axes: ClassVar[Mapping[str, str]] = {"mean_": "D", "weights_": "DK"}

    mean_: Floats
    weights_: Floats
    losses_: Doubles

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
        sweeps = self._check_parameters()
        vectors, labels = self._check_training(X, y)
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
        start = INITIAL_DEVIATION * rng.standard_normal((self.bits, count))
        descent = Reconstruction(unit @ unit.T, anchors, start, pairs, targets)
        self.losses_ = descent.minimize(sweeps)
        # weights_[:, p] = Σ_q W_pq x_pq
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
                f"The 'use_labels' parameter of {caller} must be a bool. "
                f"Got {self.use_labels!r} instead."
            )
        check_int(self.samples, "samples", caller, 2)
        check_real(self.pair_share, "pair_share", caller, 0, 1, above=True)
        check_int(self.anchors, "anchors", caller, 1)
        return check_int(self.sweeps, "sweeps", caller, 1)

    def project(self, X: npt.ArrayLike) -> Floats:
        """Return (X − mean) weights: float32 of shape (n, bits)."""
        return project_centered(self._check_input(X), self.mean_, self.weights_)


def _unit_rows(vectors: Floats) -> Doubles:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _draw_pairs(count: int, share: float, rng: np.random.Generator) -> Pairs:
    """Return a share of all pairs i < j of ``count`` vectors, at least one pair."""
    i, j = np.triu_indices(count, 1)
    kept = rng.choice(len(i), max(1, round(share * len(i))), replace=False)
    return i[kept], j[kept]


def _scaled_distances(unit: Doubles, pairs: Pairs) -> Doubles:
    i, j = pairs
    half_squares = 0.5 * ((unit[i] - unit[j]) ** 2).sum(axis=1)
    return np.asarray(half_squares / max(half_squares.max(), np.finfo(float).tiny))


def _differ(labels: Labels, pairs: Pairs) -> Doubles:
    i, j = pairs
    return np.asarray(labels[i] != labels[j], dtype=np.float64)


class Reconstruction:
    """The objective O over a sample of pairs, and its coordinate descent.

    Parameters
    ----------
    kernel : float64 array of shape (n, n)
        κ(x_i, x_j) of the training vectors.
    anchors : int64 array of shape (K, Q)
        The anchors of each bit, as positions of training vectors.
    weights : float64 array of shape (K, Q)
        W; bit p of vector i is [Σ_q W_pq κ(x_pq, x_i) > 0].
    pairs : two int64 arrays of shape (P,)
        i and j.
    targets : float64 array of shape (P,)
        d_ij, in [0, 1].
    """

    def __init__(
        self,
        kernel: Doubles,
        anchors: Rows,
        weights: Doubles,
        pairs: Pairs,
        targets: Doubles,
    ) -> None:
        self.kernel, self.anchors, self.weights = kernel, anchors, weights
        self.pairs, self.targets = pairs, targets
        self.scores = np.einsum("pq,pqn->pn", weights, kernel[anchors])
        differ = self._differ(self.scores > 0)
        self.errors = differ.mean(axis=0) - targets

    def _differ(self, bits: Mask) -> Mask:
        i, j = self.pairs
        return np.asarray(bits[..., i] != bits[..., j])

    def objective(self) -> float:
        """Return O."""
        return float(0.5 * (self.errors**2).sum())

    def minimize(self, sweeps: int) -> Doubles:
        """Pass over all weights up to ``sweeps`` times; return O before and after each pass."""
        losses = [self.objective()]
        for _ in range(sweeps):
            for bit in range(len(self.weights)):
                self._update_bit(bit)
            losses.append(self.objective())
            if losses[-1] > (1 - SMALLEST_GAIN) * losses[-2]:
                break
        return np.array(losses)

    def _update_bit(self, bit: int) -> None:
        share = 1 / len(self.weights)
        differ = self._differ(self.scores[bit] > 0)
        # The errors without this bit, which adds 0 or `share` to each pair.
        others = self.errors - share * differ
        # ½ (others + share)² − ½ others²
        costs = share * others + 0.5 * share**2
        for position, anchor in enumerate(self.anchors[bit]):
            column = self.kernel[anchor]
            step = best_step(self.scores[bit], column, self.pairs, costs)
            self.weights[bit, position] += step
            self.scores[bit] += step * column
        self.errors = others + share * self._differ(self.scores[bit] > 0)


def best_step(scores: Doubles, column: Doubles, pairs: Pairs, costs: Doubles) -> float:
    """Return the change Δ of one weight whose bits [scores + Δ·column > 0] have the least cost.

    The cost is the sum of ``costs`` over the pairs that differ in the bit. As Δ grows, vector i
    flips once, at the threshold Δ_i = −scores_i / column_i. So

        for m in range(n + 1):
            bits = initial bits with the m vectors of the smallest thresholds flipped
            cost[m] = costs[bits[i] != bits[j]].sum()

    which is one cumulative sum: a pair toggles when its first vector flips, and back when its
    second does. If no step lowers the cost, Δ is 0.

    Parameters
    ----------
    scores, column : float64 arrays of shape (n,)
    pairs : two int64 arrays of shape (P,)
    costs : float64 array of shape (P,)
    """
    flips = column != 0
    thresholds = np.full(len(scores), np.inf)
    np.divide(-scores, column, out=thresholds, where=flips)
    order = np.argsort(thresholds, kind="stable")
    rank = np.empty(len(scores), dtype=np.int64)
    rank[order] = np.arange(len(scores))
    i, j = pairs
    bits = np.where(flips, column < 0, scores > 0)  # as Δ → −∞
    differ = bits[i] != bits[j]
    toggling = np.where(differ, -costs, costs)
    first, second = np.minimum(rank[i], rank[j]), np.maximum(rank[i], rank[j])
    changes = np.bincount(first + 1, toggling, len(scores) + 1)
    changes -= np.bincount(second + 1, toggling, len(scores) + 1)
    ordered = thresholds[order][: flips.sum()]
    cost = np.cumsum(changes)[: len(ordered) + 1] + costs[differ].sum()
    cost[~_is_open(ordered)] = np.inf
    best = int(np.argmin(cost))
    now = costs[(scores[i] > 0) != (scores[j] > 0)].sum()
    return float(_middles(ordered)[best]) if cost[best] < now - 1e-12 else 0.0


def _is_open(ordered: Doubles) -> Mask:
    """Return which intervals between sorted thresholds are wider than rounding: (count + 1,).

    Within one that is not, no Δ flips the vectors on one side without those on the other.
    """
    if len(ordered) == 0:
        return np.ones(1, dtype=bool)
    wide = np.diff(ordered) > 1e-9 * np.abs(ordered[1:]) + 1e-15
    return np.concatenate([[True], wide, [True]])


def _middles(ordered: Doubles) -> Doubles:
    """Return a value in each interval between sorted thresholds and outside them: (count + 1,)."""
    if len(ordered) == 0:
        return np.zeros(1)
    margin = max(float(np.ptp(ordered)) / len(ordered), 1e-6)
    inner = (ordered[1:] + ordered[:-1]) / 2
    return np.concatenate([[ordered[0] - margin], inner, [ordered[-1] + margin]])
