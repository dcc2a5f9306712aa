"""The charts of the page as coordinates, which the template draws as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from hashlens.report.axis import Axis


@dataclass(frozen=True, slots=True)
class Chart:
    """A line, or bars side by side, with its axes.

    Coordinates are units of the picture, from its top left corner; the page scales it.

    Attributes
    ----------
    caption : str
    summary : str
        What the chart shows, in words, for those who can't see it.
    x_axis, y_axis : Axis
    line : list of (x, y)
        Empty if the chart has bars.
    dot : (x, y) or None
        The point of the line that is marked.
    bars : list of (x, y, width, height)
    """

    caption: str
    summary: str
    x_axis: Axis
    y_axis: Axis
    line: Sequence[tuple[float, float]] = ()
    dot: tuple[float, float] | None = None
    bars: Sequence[tuple[float, float, float, float]] = ()

    width: ClassVar[int] = 360
    height: ClassVar[int] = 210
    left: ClassVar[int] = 54
    right: ClassVar[int] = 346
    top: ClassVar[int] = 12
    bottom: ClassVar[int] = 170

    def x(self, value: float) -> float:
        """Return the horizontal coordinate of a value."""
        return self.x_axis.place(value, self.left, self.right)

    def y(self, value: float) -> float:
        """Return the vertical coordinate of a value."""
        return self.y_axis.place(value, self.bottom, self.top)


def learning_curves(learning: dict[str, Any]) -> list[Chart]:
    """Return validation precision by epoch and by time, and every term of the loss by epoch."""
    epochs = learning["epochs"]
    number = [float(one["number"]) for one in epochs]
    kept = number.index(learning["kept_epoch"])
    by_epoch = Axis("epoch", 1.0, max(number[-1], 2.0), whole=True)
    validation = "validation precision at 5"
    precision = [100 * one["precision_at_5"] for one in epochs]
    up = Axis.around(f"{validation}, %", precision)
    curves = [_line(f"{validation}, by epoch", by_epoch, up, number, precision, kept)]
    total = epochs[-1]["seconds"]
    if total > 0:
        unit, length = ("minutes", 60.0) if total > 120 else ("seconds", 1.0)
        by_time = Axis(f"{unit} of training", 0.0, total / length)
        time = [one["seconds"] / length for one in epochs]
        curves.append(_line(f"{validation}, by training time", by_time, up, time, precision, kept))
    for term in epochs[0]["losses"]:
        loss = [one["losses"][term] for one in epochs]
        up = Axis.around(f"loss: {term}", loss)
        curves.append(_line(f"loss: {term}, by epoch", by_epoch, up, number, loss, kept))
    return curves


def class_histogram(classes: Sequence[dict[str, Any]]) -> Chart:
    """Return the number of classes in each tenth of the range of precision at 5."""
    bins = [0] * 10
    for one in classes:
        bins[min(int(10 * one["precision_at_5"]), 9)] += 1
    counts = (f"{10 * i} to {10 * i + 10} %: {count}" for i, count in enumerate(bins) if count)
    caption = "Number of classes by precision at 5"
    across = Axis("precision at 5, %", 0, 100)
    up = Axis.around("classes", [0, max(bins)])
    return _bars(caption, f"{caption}: {', '.join(counts)}", across, up, bins)


def bit_chart(share_of_ones: Sequence[float]) -> Chart:
    """Return the share of codes in which each bit is 1."""
    ones = [100 * share for share in share_of_ones]
    summary = f"Share of codes in which each bit is 1: {min(ones):.1f} % to {max(ones):.1f} %"
    across, up = Axis("bit", 0, len(ones)), Axis("share of ones, %", 0, 100)
    return _bars("Share of ones per bit", summary, across, up, ones)


def _line(
    caption: str, across: Axis, up: Axis, x: list[float], y: list[float], marked: int
) -> Chart:
    summary = f"{caption}: first {y[0]:.4g}, last {y[-1]:.4g}, at the chosen epoch {y[marked]:.4g}"
    empty = Chart(caption, summary, across, up)
    points = [(empty.x(a), empty.y(b)) for a, b in zip(x, y, strict=True)]
    return replace(empty, line=points, dot=points[marked])


def _bars(caption: str, summary: str, across: Axis, up: Axis, heights: Sequence[float]) -> Chart:
    empty = Chart(caption, summary, across, up)
    width = (empty.right - empty.left) / len(heights)
    gap = min(1.0, width / 5)
    bars = [
        (
            round(empty.left + place * width, 2),
            empty.y(height),
            round(width - gap, 2),
            round(empty.bottom - empty.y(height), 2),
        )
        for place, height in enumerate(heights)
    ]
    return replace(empty, bars=bars)
