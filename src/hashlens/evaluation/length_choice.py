"""How many bits are enough: the precision of several code lengths on the same queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.errors import DataError
from hashlens.evaluation.bootstrap import Resampling, bootstrap_weights

TOLERANCE = 0.01
"""A code is long enough if the upper end of its loss to the best length is at most this."""


@dataclass(frozen=True, slots=True)
class LengthFigures:
    """The precision of a code length; shares in [0, 1], confidence intervals over queries.

    Attributes
    ----------
    bits : int
    precision, low, high : float
    loss, loss_low, loss_high : float
        Precision lost to the best length. Both lengths have the same queries, so the loss is known
        better than the two precisions suggest.
    enough : bool
        Whether ``loss_high`` is at most the tolerance.
    """

    bits: int
    precision: float
    low: float
    high: float
    loss: float
    loss_low: float
    loss_high: float
    enough: bool


def compare_lengths(
    scores: Mapping[int, npt.ArrayLike],
    tolerance: float = TOLERANCE,
    resampling: Resampling | None = None,
) -> list[LengthFigures]:
    """Compare code lengths by their precision on each query; the first that is enough suffices.

    Parameters
    ----------
    scores : mapping of bits to float arrays of shape (queries,)
        Precision by query; all lengths have the same queries in the same order.
    tolerance : float
        Acceptable loss of precision to the best length.
    resampling : Resampling, optional
        How queries are resampled for the intervals.

    Returns
    -------
    list of LengthFigures
        Ordered by length.

    Raises
    ------
    DataError
        If there is no length, or the numbers of queries differ.

    Examples
    --------
    >>> figures = compare_lengths({16: [0.0, 0.4] * 50, 32: [0.6, 1.0] * 50, 64: [0.6, 1.0] * 50})
    >>> [(each.bits, round(each.precision, 3), each.enough) for each in figures]
    [(16, 0.2, False), (32, 0.8, True), (64, 0.8, True)]
    """
    resampling = resampling or Resampling()
    lengths = sorted(scores)
    columns = [np.asarray(scores[bits], dtype=np.float64) for bits in lengths]
    if not columns or columns[0].size == 0 or len({column.shape for column in columns}) != 1:
        raise DataError(
            "Comparing code lengths expects one precision per query for each, shape (queries,). "
            f"Got {', '.join(str(column.shape) for column in columns) or 'no length'}."
        )
    each = np.stack(columns, axis=1)
    means = each.mean(axis=0)
    best = int(np.argmax(means))
    rng = np.random.default_rng(resampling.seed)
    drawn = bootstrap_weights(len(each), resampling.resamples, rng)
    moved = np.concatenate([weights @ each / len(each) for weights in drawn])
    low, high = np.quantile(moved, resampling.ends, axis=0)
    loss_low, loss_high = np.quantile(moved[:, [best]] - moved, resampling.ends, axis=0)
    return [
        LengthFigures(
            bits=bits,
            precision=float(means[i]),
            low=float(low[i]),
            high=float(high[i]),
            loss=float(means[best] - means[i]),
            loss_low=float(loss_low[i]),
            loss_high=float(loss_high[i]),
            enough=bool(loss_high[i] <= tolerance),
        )
        for i, bits in enumerate(lengths)
    ]
