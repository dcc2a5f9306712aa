"""Calibration: the Hamming radius that reaches a precision, with its uncertainty.

A pair of images is correct if both have the same label. The precision at a radius is the share of
correct pairs among all pairs within that radius. Pairs share images, so they are far from
independent: ten thousand pairs of a hundred images hold the evidence of a hundred images.
Confidence intervals are therefore bootstrapped over images, on both sides of the pairs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from hashlens.arrays import Doubles
from hashlens.errors import DataError, FormatError, ParameterError
from hashlens.evaluation.bootstrap import Resampling, bootstrap_weights, wilson_bounds
from hashlens.evaluation.histograms import DistanceHistograms

Curve = tuple[float | None, ...]
"""A share in [0, 1] for each radius from 0 on; None if no pair is within the radius."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Precision and recall of pairs within each Hamming radius, with confidence intervals.

    Attributes
    ----------
    precision, precision_low, precision_high : tuple of float or None, length bits + 1
        By radius: the share of pairs with the same label among all pairs within the radius.
    recall, recall_low, recall_high : tuple of float or None, length bits + 1
        By radius: the share of all pairs with the same label that are within the radius.
    chance : float
        Share of pairs with the same label among all pairs: the precision of a random answer. The
        precision at a radius holds for collections with about this share.
    queries, database : int
        Number of images on either side of the pairs; the same images if ``same_images``.
    same_images : bool
        Whether the pairs are those within one set.
    confidence : float
        Confidence level of each two-sided interval.
    resamples, seed : int
        Settings of the bootstrap.
    """

    precision: Curve
    precision_low: Curve
    precision_high: Curve
    recall: Curve
    recall_low: Curve
    recall_high: Curve
    chance: float
    queries: int
    database: int
    same_images: bool
    confidence: float
    resamples: int
    seed: int

    @property
    def bits(self) -> int:
        """The code length."""
        return len(self.precision) - 1

    def radius_for(self, precision: float, sure: bool = False) -> int | None:
        """Return the largest radius, in bits, that reaches a precision; None if none does.

        Parameters
        ----------
        precision : float
            In (0, 1].
        sure : bool
            Whether the lower end of the confidence interval must reach it, too.

        Raises
        ------
        ParameterError
            If ``precision`` is not in (0, 1].
        """
        if not 0 < precision <= 1:
            raise ParameterError(
                "The 'precision' parameter must be a share above 0 and at most 1, such as 0.95. "
                f"Got {precision!r} instead."
            )
        curve = self.precision_low if sure else self.precision
        reached = [r for r, value in enumerate(curve) if value is not None and value >= precision]
        return max(reached, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], where: str = "a calibration") -> Self:
        """Return a calibration from the fields that `to_dict` returns.

        Raises
        ------
        FormatError
            If a field is missing or unknown, or the curves are not shares of equal length.
        """
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            raise FormatError(
                f"{where} does not hold the expected fields. "
                f"Missing: {', '.join(sorted(names - set(values))) or 'none'}; "
                f"unknown: {', '.join(sorted(set(values) - names)) or 'none'}."
            )
        curves = {name: _checked_curve(values[name], name, where) for name in _CURVES}
        if len({len(curve) for curve in curves.values()}) != 1:
            raise FormatError(f"{where} holds curves of different lengths.")
        return cls(**(values | curves))


_CURVES = tuple(
    f"{figure}{end}" for figure in ("precision", "recall") for end in ("", "_low", "_high")
)


def _checked_curve(values: Any, name: str, where: str) -> Curve:
    def is_share(value: Any) -> bool:
        return value is None or (type(value) in (int, float) and 0 <= value <= 1)

    if not isinstance(values, list) or not values or not all(map(is_share, values)):
        raise FormatError(f"{where} expects {name!r} to be a list of shares in [0, 1], or null.")
    return tuple(values)


def calibrate(
    queries: DistanceHistograms,
    database: DistanceHistograms | None = None,
    resampling: Resampling | None = None,
) -> Calibration:
    """Measure precision and recall of pairs within every radius.

    Parameters
    ----------
    queries : DistanceHistograms
        A row for each image of one side: its distances to the images of the other side.
    database : DistanceHistograms, optional
        The same pairs from the other side: a row for each image there. Leave it out where both
        sides are the same images; ``queries`` must then leave out each image's pair with itself
        (`without_self`).
    resampling : Resampling, optional
        How images are resampled for the intervals.

    Raises
    ------
    DataError
        If the two sides do not count the same pairs, or no pair has the same label.

    Notes
    -----
    For each resample of a side's images, the precision p* is computed again. The deviations p* - p
    of both sides add up, as in the first-order (Hajek) expansion of a statistic of pairs; if both
    sides are the same images, the deviation counts twice. A bootstrap of the queries alone would
    take the database as given, and would report half the error within one set.

    If all pairs within a radius are correct (or all wrong), resampling shows no spread. The far end
    is then Wilson's, with as many trials as images that found anything: ten images without an
    error are evidence of a precision above 72 %, not of 100 %.

    Examples
    --------
    >>> rows = DistanceHistograms([[0, 9, 1], [0, 9, 1]], [[0, 9, 0], [0, 9, 1]])
    >>> calibration = calibrate(rows)
    >>> calibration.precision, calibration.radius_for(0.99)
    ((None, 1.0, 0.95), 1)
    """
    resampling = resampling or Resampling()
    if database is not None and not _same_pairs(queries, database):
        raise DataError(
            "Calibration expects the same pairs seen from both sides, but their counts by distance "
            "differ."
        )
    sides = [_Side(side) for side in (queries, database) if side is not None]
    relevant = float(sides[0].relevant.sum())
    if relevant == 0:
        raise DataError(
            "Calibration needs pairs of images with the same label, and there is none. Expected at "
            "least two images in a class."
        )
    return Calibration(
        **_curves(sides, resampling),
        chance=relevant / float(queries.database_sizes.sum()),
        queries=len(queries.total),
        database=len((database or queries).total),
        same_images=database is None,
        **asdict(resampling),
    )


def without_self(histograms: DistanceHistograms) -> DistanceHistograms:
    """Return the histograms of a set against itself, without the pair of each image with itself.

    Examples
    --------
    >>> without_self(DistanceHistograms([[1, 2]], [[1, 0]])).total
    array([[0, 2]])
    """
    itself = np.zeros_like(histograms.total)
    itself[:, 0] = 1
    return DistanceHistograms(histograms.total - itself, histograms.relevant - itself)


class _Side:
    """Running sums of one side's histograms: all pairs, and correct ones, within each radius."""

    def __init__(self, histograms: DistanceHistograms) -> None:
        self.found: Doubles = np.cumsum(histograms.total, axis=1, dtype=np.float64)
        self.hits: Doubles = np.cumsum(histograms.relevant, axis=1, dtype=np.float64)
        self.relevant: Doubles = self.hits[:, -1]

    def resampled(self, resamples: int, rng: np.random.Generator) -> tuple[Doubles, Doubles]:
        """Return precision and recall by resample and level; NaN if there are no pairs."""
        precision, recall = [], []
        for weights in bootstrap_weights(len(self.found), resamples, rng):
            # Naively: for each resample and radius, sum over the images in the sample.
            hits = weights @ self.hits
            precision.append(_ratios(hits, weights @ self.found))
            recall.append(_ratios(hits, (weights @ self.relevant)[:, None]))
        return np.concatenate(precision), np.concatenate(recall)


def _curves(sides: list[_Side], resampling: Resampling) -> dict[str, Any]:
    """Return the six curves of a calibration."""
    found, hits = sides[0].found.sum(axis=0), sides[0].hits.sum(axis=0)
    precision, recall = _ratios(hits, found), hits / hits[-1]
    precision_ends, recall_ends = _bootstrap(sides, (precision, recall), resampling)
    # Images that find nothing within a radius say nothing about the precision there.
    finders = np.min([(side.found > 0).sum(axis=0) for side in sides], axis=0)
    wilson = wilson_bounds(precision, finders, resampling.confidence)
    low = np.where(hits == found, wilson[0], precision_ends[0])
    high = np.where(hits == 0, wilson[1], precision_ends[1])
    nothing = found == 0
    values = [np.where(nothing, np.nan, curve) for curve in (precision, low, high)]
    return {
        name: tuple(None if np.isnan(value) else float(value) for value in curve)
        for name, curve in zip(_CURVES, [*values, recall, *recall_ends], strict=True)
    }


def _bootstrap(
    sides: list[_Side], estimates: tuple[Doubles, Doubles], resampling: Resampling
) -> list[tuple[Doubles, Doubles]]:
    """Return both ends of the intervals of precision and recall, by radius."""
    rng = np.random.default_rng(resampling.seed)
    shape = (resampling.resamples, len(estimates[0]))
    moved = [np.broadcast_to(estimate, shape).copy() for estimate in estimates]
    factor = 2.0 / len(sides)
    for side in sides:
        again = side.resampled(resampling.resamples, rng)
        for values, estimate, ratios in zip(moved, estimates, again, strict=True):
            values += factor * (ratios - estimate)
    return [_quantiles(values, resampling.ends) for values in moved]


def _same_pairs(queries: DistanceHistograms, database: DistanceHistograms) -> bool:
    return queries.total.shape[1] == database.total.shape[1] and all(
        np.array_equal(getattr(queries, name).sum(axis=0), getattr(database, name).sum(axis=0))
        for name in ("total", "relevant")
    )


def _ratios(parts: Doubles, wholes: Doubles) -> Doubles:
    ratios = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=ratios, where=np.broadcast_to(wholes > 0, parts.shape))
    return ratios


def _quantiles(values: Doubles, ends: tuple[float, float]) -> tuple[Doubles, Doubles]:
    """Return both ends by column; a resample without pairs widens the interval both ways."""
    undefined = np.isnan(values)
    low = np.quantile(np.where(undefined, 0, values), ends[0], axis=0)
    high = np.quantile(np.where(undefined, 1, values), ends[1], axis=0)
    return np.clip(low, 0, 1), np.clip(high, 0, 1)
