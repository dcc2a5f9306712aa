"""Small charts in SVG: they take the page's colors and fonts, and need nothing to be shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hashlens.report.markup import Content, Markup, element

_WIDTH, _HEIGHT = 360, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 346, 12, 170
"""The plot's frame within the picture, in units that the page scales to its own width."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear scale from one value to a higher one.

    Parameters
    ----------
    name : str
        With its unit.
    low, high : float
    whole : bool
        Whether only whole numbers have ticks.
    """

    name: str
    low: float
    high: float
    whole: bool = False

    @classmethod
    def around(cls, name: str, values: Sequence[float]) -> Axis:
        """Return an axis that shows values, with a round number at either end.

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
        """The distance of two ticks: 1, 2 or 5 times a power of ten, for four of them or so."""
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
        """Return a tick's number with the decimals that the step needs."""
        return f"{tick:,.{max(0, -math.floor(math.log10(self.step) + 1e-9))}f}"

    def place(self, value: float, start: float, end: float) -> float:
        """Return where a value lies if the axis goes from ``start`` to ``end``."""
        return round(start + (value - self.low) / (self.high - self.low) * (end - start), 2)


def line_chart(
    summary: str, points: Sequence[tuple[float, float]], across: Axis, up: Axis, mark: int
) -> Markup:
    """Draw a line.

    Parameters
    ----------
    summary : str
        What the chart says, for those who do not see it.
    points : sequence of (x, y)
    across, up : Axis
    mark : int
        The point that gets a dot.
    """
    places = [(across.place(x, _LEFT, _RIGHT), up.place(y, _BOTTOM, _TOP)) for x, y in points]
    line = " ".join(f"{x:g},{y:g}" for x, y in places)
    dot = element("circle", cx=places[mark][0], cy=places[mark][1], r=4)
    return _chart(summary, across, up, element("polyline", points=line, class_="line"), dot)


def bar_chart(summary: str, heights: Sequence[float], across: Axis, up: Axis) -> Markup:
    """Draw bars side by side over the whole of the horizontal axis.

    Parameters
    ----------
    summary : str
        What the chart says, for those who do not see it.
    heights : sequence of float
    across, up : Axis
    """
    width = (_RIGHT - _LEFT) / len(heights)
    gap = min(1.0, width / 5)
    bars = []
    for number, height in enumerate(heights):
        top = up.place(height, _BOTTOM, _TOP)
        bars.append(
            element(
                "rect",
                x=round(_LEFT + number * width, 2),
                y=top,
                width=round(width - gap, 2),
                height=round(_BOTTOM - top, 2),
                class_="bar",
            )
        )
    return _chart(summary, across, up, *bars)


def _chart(summary: str, across: Axis, up: Axis, *drawn: Content) -> Markup:
    return element(
        "svg",
        *_grid(across, up),
        *drawn,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=summary,
    )


def _grid(across: Axis, up: Axis) -> list[Markup]:
    """Return horizontal lines, the numbers of both axes, and their names."""
    parts = []
    for tick in up.ticks():
        y = up.place(tick, _BOTTOM, _TOP)
        parts.append(element("path", d=f"M{_LEFT} {y:g}H{_RIGHT}", class_="grid"))
        parts.append(element("text", up.label(tick), x=_LEFT - 6, y=y + 4, class_="end"))
    for tick in across.ticks():
        x = across.place(tick, _LEFT, _RIGHT)
        parts.append(element("text", across.label(tick), x=x, y=_BOTTOM + 16, class_="middle"))
    middle = (_TOP + _BOTTOM) / 2
    parts.append(
        element("text", across.name, x=(_LEFT + _RIGHT) / 2, y=_HEIGHT - 6, class_="middle name")
    )
    parts.append(
        element(
            "text", up.name, transform=f"translate(12 {middle:g}) rotate(-90)", class_="middle name"
        )
    )
    return parts
