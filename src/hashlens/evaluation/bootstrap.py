"""Confidence intervals: the bootstrap, and Wilson's bounds where it shows no spread."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Doubles
from hashlens.errors import ParameterError

_CELLS = 4_000_000
"""Number of weights in memory at a time: 32 MB."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How intervals are bootstrapped.

    Parameters
    ----------
    confidence : float
        Confidence level of the two-sided intervals, in (0, 1).
    resamples : int
    seed : int

    Raises
    ------
    ParameterError
        If ``confidence`` is not in (0, 1), or ``resamples`` are too few to show its tails.
    """

    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ParameterError(
                "The 'confidence' parameter must be between 0 and 1, both excluded. "
                f"Got {self.confidence!r} instead."
            )
        if self.resamples < self.fewest:
            raise ParameterError(
                f"A confidence of {self.confidence} needs at least {self.fewest} resamples, so "
                f"that some fall outside of the interval. Got {self.resamples!r} instead."
            )

    @property
    def fewest(self) -> int:
        """The number of resamples of which about ten fall outside of the interval."""
        return math.ceil(round(10 / (1 - self.confidence), 6))

    @property
    def ends(self) -> tuple[float, float]:
        """The quantiles at the ends of the interval."""
        return (1 - self.confidence) / 2, (1 + self.confidence) / 2


def bootstrap_weights(count: int, resamples: int, rng: np.random.Generator) -> Iterator[Doubles]:
    """Yield how often each item occurs in samples of ``count`` items with replacement.

    Yields
    ------
    float64 array of shape (some, count)
        Each row sums to ``count``; all arrays together have ``resamples`` rows.

    Examples
    --------
    >>> parts = list(bootstrap_weights(4, 100, np.random.default_rng(0)))
    >>> np.concatenate(parts).shape, set(parts[0].sum(axis=1).tolist())
    ((100, 4), {4.0})
    """
    step = max(1, _CELLS // count)
    for start in range(0, resamples, step):
        some = min(step, resamples - start)
        drawn = rng.integers(0, count, (some, count))
        drawn += np.arange(some)[:, None] * count
        weights = np.bincount(drawn.ravel(), minlength=some * count)
        yield weights.reshape(some, count).astype(np.float64)


def mean_interval(scores: npt.ArrayLike) -> tuple[float, float] | None:
    """Return the bootstrapped 95 % interval of a mean over queries; None if all are equal.

    Scores without any spread, such as a single one, say nothing about how far others would be.

    Examples
    --------
    >>> low, high = mean_interval([0.0, 1.0] * 50)
    >>> 0.35 < low < 0.45 < 0.55 < high < 0.65, mean_interval([1.0, 1.0])
    (True, None)
    """
    values = np.asarray(scores, dtype=np.float64)
    if np.ptp(values) == 0:
        return None
    how = Resampling()
    drawn = bootstrap_weights(len(values), how.resamples, np.random.default_rng(how.seed))
    means = np.concatenate([weights @ values for weights in drawn]) / len(values)
    low, high = np.quantile(means, how.ends)
    return float(low), float(high)


def wilson_bounds(
    shares: npt.ArrayLike, trials: npt.ArrayLike, confidence: float
) -> tuple[Doubles, Doubles]:
    """Return Wilson's two-sided interval of a binomial share; [0, 1] if there is no trial.

    For n trials, a share p and the normal quantile z, its ends are
    [p + z²/2n ± z √(p(1 − p)/n + z²/4n²)] / (1 + z²/n).

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22, 1927.

    Examples
    --------
    >>> low, high = wilson_bounds(1.0, 10, 0.95)
    >>> round(float(low), 3), float(high)
    (0.722, 1.0)
    """
    count = np.asarray(trials, dtype=np.float64)
    share = np.where(count > 0, np.asarray(shares, dtype=np.float64), 0.5)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    some = np.maximum(count, 1)
    center = share + z * z / (2 * some)
    spread = z * np.sqrt(share * (1 - share) / some + (z / (2 * some)) ** 2)
    low, high = (np.clip((center + s * spread) / (1 + z * z / some), 0, 1) for s in (-1, 1))
    return np.where(count > 0, low, 0.0), np.where(count > 0, high, 1.0)
