"""Coordinate descent for binary reconstructive embeddings: the exact minimum along one weight."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles, Rows

SMALLEST_GAIN = 1e-3
"""Relative fall of the objective in one pass under which the descent ends."""


class Reconstruction:
    """The objective ½ Σ (Hamming(i, j)/K − d_ij)² over pairs, and its descent.

    Parameters
    ----------
    kernel : float64 array of shape (n, n)
        κ(x_i, x_j) of the training vectors.
    anchors : int64 array of shape (K, Q)
        Which training vectors are the anchors of each bit.
    weights : float64 array of shape (K, Q)
        W: bit p of vector i is [Σ_q W_pq κ(x_pq, x_i) > 0].
    pairs : two int64 arrays of shape (P,)
        i and j of every pair that counts.
    targets : float64 array of shape (P,)
        d, in [0, 1].
    """

    def __init__(
        self,
        kernel: Doubles,
        anchors: Rows,
        weights: Doubles,
        pairs: tuple[Rows, Rows],
        targets: Doubles,
    ) -> None:
        self.kernel, self.anchors, self.weights = kernel, anchors, weights
        self.pairs, self.targets = pairs, targets
        self.scores = np.einsum("pq,pqn->pn", weights, kernel[anchors])
        differ = self._differ(self.scores > 0)
        self.errors = differ.mean(axis=0) - targets

    def _differ(self, bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        i, j = self.pairs
        return np.asarray(bits[..., i] != bits[..., j])

    def objective(self) -> float:
        """Return ½ Σ (Hamming(i, j)/K − d_ij)²."""
        return float(0.5 * (self.errors**2).sum())

    def minimize(self, sweeps: int) -> Doubles:
        """Pass over all weights at most ``sweeps`` times; return the objective before and after."""
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
        # What the other bits leave to explain, so that this bit adds 0 or `share` to each pair.
        others = self.errors - share * differ
        # ½ (others + share)² − ½ others²
        costs = share * others + 0.5 * share**2
        for position, anchor in enumerate(self.anchors[bit]):
            column = self.kernel[anchor]
            step = best_step(self.scores[bit], column, self.pairs, costs)
            self.weights[bit, position] += step
            self.scores[bit] += step * column
        self.errors = others + share * self._differ(self.scores[bit] > 0)


def best_step(scores: Doubles, column: Doubles, pairs: tuple[Rows, Rows], costs: Doubles) -> float:
    """Return the change Δ of one weight for which the bits [scores + Δ·column > 0] cost least.

    The cost is the sum of ``costs`` over the pairs that differ in the bit. As Δ grows, vector i
    flips once, at Δ_i = −scores_i / column_i; between neighboring thresholds nothing changes. So

        for m in range(n + 1):
            bits = initial bits with the m vectors of the smallest thresholds flipped
            cost[m] = costs[bits[i] != bits[j]].sum()

    which is one cumulative sum: a pair toggles when its first vector flips and back when its
    second does. No step is taken, Δ = 0, where none is better.

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


def _is_open(ordered: Doubles) -> npt.NDArray[np.bool_]:
    """Say which of the intervals between sorted thresholds are wider than rounding: (count + 1,).

    In one that is not, no Δ has the vectors on one side flipped and those on the other not.
    """
    if len(ordered) == 0:
        return np.ones(1, dtype=bool)
    wide = np.diff(ordered) > 1e-9 * np.abs(ordered[1:]) + 1e-15
    return np.concatenate([[True], wide, [True]])


def _middles(ordered: Doubles) -> Doubles:
    """Return a value in every interval that sorted thresholds cut the line into: (count + 1,)."""
    if len(ordered) == 0:
        return np.zeros(1)
    margin = max(float(np.ptp(ordered)) / len(ordered), 1e-6)
    inner = (ordered[1:] + ordered[:-1]) / 2
    return np.concatenate([[ordered[0] - margin], inner, [ordered[-1] + margin]])
