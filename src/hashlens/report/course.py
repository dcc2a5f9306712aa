"""The page's part on the course of training: losses and validation by epoch and by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hashlens.report import numbers
from hashlens.report.charts import Axis, line_chart
from hashlens.report.markup import Markup, element, figure, folded, joined, paragraph, table


def learning(course: dict[str, Any] | None) -> Markup | None:
    """Return the learning curves; nothing for a method that has no epochs."""
    if course is None:
        return None
    epochs = course["epochs"]
    kept = next(i for i, one in enumerate(epochs) if one["number"] == course["kept_epoch"])
    best = max(epochs, key=lambda one: (one["precision_at_5"], -one["number"]))["number"]
    why = (
        "was the best, the dot, and the model is made from it"
        if course["kept_epoch"] == best
        else "is the last, the dot, and the model is made from it, as the learning rate has come "
        "to its end there"
    )
    stopped = "" if len(epochs) == course["planned_epochs"] else ", as it no longer got better"
    return joined(
        [
            paragraph(
                f"Training ended after {len(epochs)} of at most {course['planned_epochs']} epochs"
                f"{stopped}. Epoch {course['kept_epoch']} {why}. Validation queries are training "
                "images that were held back from learning; their figure is no result, for it may "
                "have chosen the epoch. Where the schedule has finish_epochs, a few on all "
                "these images follow, without a figure."
            ),
            element("div", *_curves(epochs, kept), class_="charts"),
            folded("The same in numbers", _epoch_table(epochs)),
        ]
    )


def _curves(epochs: Sequence[dict[str, Any]], kept: int) -> list[Markup]:
    number = [float(one["number"]) for one in epochs]
    by_epoch = Axis("epoch", 1.0, max(number[-1], 2.0), whole=True)
    precision_at_5 = [100 * one["precision_at_5"] for one in epochs]
    curves = [_curve("validation top-5, %", number, precision_at_5, by_epoch, kept)]
    last = epochs[-1]["seconds"]
    if last > 0:
        unit, length = ("minutes", 60.0) if last > 120 else ("seconds", 1.0)
        time = [one["seconds"] / length for one in epochs]
        by_time = Axis(f"{unit} of training", 0.0, time[-1])
        curves.append(_curve("validation top-5, %", time, precision_at_5, by_time, kept))
    for term in epochs[0]["losses"]:
        values = [one["losses"][term] for one in epochs]
        curves.append(_curve(f"loss: {term}", number, values, by_epoch, kept))
    return curves


def _curve(name: str, x: list[float], y: list[float], across: Axis, kept: int) -> Markup:
    caption = f"{name}, by {across.name}"
    summary = f"{caption}: first {y[0]:.4g}, last {y[-1]:.4g}, at the epoch kept {y[kept]:.4g}"
    up = Axis.around(name, y)
    return figure(caption, line_chart(summary, list(zip(x, y, strict=True)), across, up, kept))


def _epoch_table(epochs: Sequence[dict[str, Any]]) -> Markup:
    terms = list(epochs[0]["losses"])
    return table(
        "Every epoch",
        ("epoch", "validation top-5", *terms, "time"),
        (
            (
                one["number"],
                numbers.percent(one["precision_at_5"]),
                *(numbers.decimal(one["losses"][term], 4) for term in terms),
                numbers.seconds(one["seconds"]),
            )
            for one in epochs
        ),
    )
