"""The linear axis of a chart: round ticks, their labels, and where a value lies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale between two values.

    Parameters
    ----------
    name : str
        With its unit.
    low, high : float
        The values at its ends; ``low`` is less than ``high``.
    whole : bool
        Whether only integers have ticks.
    """

    name: str
    low: float
    high: float
    whole: bool = False

    @classmethod
    def around(cls, name: str, values: Sequence[float]) -> Axis:
        """Return an axis that covers the values and has a round number at both ends.

        Examples
        --------
        >>> axis = Axis.around("loss", [0.31, 1.72])
        >>> axis.low, axis.high, [axis.label(tick) for tick in axis.ticks()]
        (0.0, 2.0, ['0.0', '0.5', '1.0', '1.5', '2.0'])
        """
        low, high = min(values), max(values)
        if high - low < 1e-6 * max(abs(low), abs(high), 1e-6):
            spread = max(abs(low) / 2, 1e-3)
            low, high = low - spread, high + spread
        step = cls(name, low, high).step
        return cls(name, step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9))

    @property
    def step(self) -> float:
        """Distance between ticks, 1, 2 or 5 times a power of ten, so that there are about five."""
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.999 * rough)
        return max(step, 1.0) if self.whole else step

    def ticks(self) -> list[float]:
        """Return the multiples of the step from ``low`` to ``high``."""
        step = self.step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def label(self, tick: float) -> str:
        """Return a tick as text, with as many decimal places as the step needs."""
        return f"{tick:,.{max(0, -math.floor(math.log10(self.step) + 1e-9))}f}"

    def place(self, value: float, start: float, end: float) -> float:
        """Return the coordinate of a value on a line from ``start`` to ``end``."""
        return round(start + (value - self.low) / (self.high - self.low) * (end - start), 2)
