"""Rows of all seeds summed up as mean ± standard deviation, and the claims they support."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hashlens.benchmark.method_presets import row_label
from hashlens.benchmark.quoted import PROPOSED, RIVALS, printed_precision_at_5
from hashlens.datasets.protocols import PROTOCOLS
from hashlens.hashers import METHODS

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and standard deviation over seeds; the deviation is None for a single seed."""

    mean: float
    deviation: float | None
    seeds: int

    def percent(self, digits: int = 1) -> str:
        """Return percentages, such as ``71.2 ± 0.3``.

        Examples
        --------
        >>> Spread(0.7123, 0.0031, 3).percent(), Spread(0.5, None, 1).percent()
        ('71.2 ± 0.3', '50.0')
        """
        text = f"{100 * self.mean:.{digits}f}"
        return text if self.deviation is None else f"{text} ± {100 * self.deviation:.{digits}f}"


@dataclass(frozen=True)
class Cell:
    """All seeds of one method, preset, length and protocol."""

    method: str
    preset: str
    bits: int
    protocol: str
    rows: tuple[Row, ...]

    @property
    def label(self) -> str:
        """The method's name in tables."""
        return row_label(self.method, self.preset)

    @property
    def supervised(self) -> bool:
        """Whether the method learned from labels."""
        return bool(self.rows[0]["supervised"])

    @property
    def deterministic(self) -> bool:
        """Whether the method has no seed, so that a single row suffices."""
        return "random_state" not in self.rows[0]["parameters"]

    def spread(self, figure: str) -> Spread | None:
        """Return mean and deviation of a figure over seeds, or None if no seed has it."""
        values = [row[figure] for row in self.rows if row.get(figure) is not None]
        if not values:
            return None
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return Spread(float(np.mean(values)), deviation, len(values))


def cells(rows: Iterable[Row]) -> list[Cell]:
    """Return rows grouped by everything but the seed, in the order of tables."""
    groups: dict[tuple[str, str, int, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["method"], row["preset"], row["bits"], row["protocol"]].append(row)
    order = {method: place for place, method in enumerate(METHODS)}
    protocols: tuple[str, ...] = PROTOCOLS
    found = [
        Cell(*key, tuple(sorted(group, key=lambda row: int(row["seed"]))))
        for key, group in groups.items()
    ]
    return sorted(
        found,
        key=lambda cell: (
            protocols.index(cell.protocol),
            order.get(cell.method, len(order)),
            cell.preset != "default",
            cell.preset,
            cell.bits,
        ),
    )


@dataclass(frozen=True, slots=True)
class Margin:
    """How far the proposed method is ahead of its best rival at one length.

    Attributes
    ----------
    bits : int
    proposed, rival : float
        Mean precision at 5.
    rival_name : str
    deviation : float or None
        Standard deviation of the difference, √(s₁² + s₂²); that of a rival without a seed is 0.
        None if either has a single seed.
    printed : float or None
        The paper's own figure for its method, quoted.
    """

    bits: int
    proposed: float
    rival: float
    rival_name: str
    deviation: float | None
    printed: float | None

    @property
    def is_ahead(self) -> bool:
        """Whether the lead exceeds two standard deviations."""
        return self.deviation is not None and self.proposed - self.rival > 2 * self.deviation


def margins(found: Sequence[Cell], protocol: str = "standard") -> list[Margin]:
    """Return, by length, the proposed method's lead over the best of the paper's rivals."""
    result = []
    for bits in sorted({cell.bits for cell in found}):
        here = [cell for cell in found if cell.bits == bits and cell.protocol == protocol]
        proposed = [c for c in here if (c.method, c.preset) == (PROPOSED, "default")]
        rivals = [cell for cell in here if cell.method in RIVALS]
        if not proposed or not rivals:
            continue
        own = _precision_at_5(proposed[0])
        best = max(rivals, key=lambda cell: _precision_at_5(cell).mean)
        other = _precision_at_5(best)
        spread = 0.0 if best.deterministic else other.deviation
        deviation = None
        if own.deviation is not None and spread is not None:
            deviation = float(np.hypot(own.deviation, spread))
        printed = printed_precision_at_5(PROPOSED, bits)
        result.append(Margin(bits, own.mean, other.mean, best.label, deviation, printed))
    return result


def _precision_at_5(cell: Cell) -> Spread:
    spread = cell.spread("precision_at_5")
    if spread is None:
        raise ValueError(f"The rows of {cell.label} have no precision_at_5.")
    return spread


def supervised_behind(found: Sequence[Cell], reference: str, protocol: str) -> dict[int, list[str]]:
    """Return, by length, the supervised methods that are less precise than an unsupervised one.

    On the protocol `unseen`, this is what labels of some classes cost on others.

    Parameters
    ----------
    found : sequence of Cell
    reference : str
        The label of the unsupervised method, such as ``"itq"``.
    protocol : str

    Returns
    -------
    dict
        Labels by code length; lengths at which the reference was not measured are left out.
    """
    here = [cell for cell in found if cell.protocol == protocol]
    floors = {cell.bits: _precision_at_5(cell).mean for cell in here if cell.label == reference}
    return {
        bits: [
            cell.label
            for cell in here
            if cell.bits == bits and cell.supervised and _precision_at_5(cell).mean < floor
        ]
        for bits, floor in sorted(floors.items())
    }
