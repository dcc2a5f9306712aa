"""The page's parts on what the model finds: in all, by class, and what it confuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hashlens.report import numbers
from hashlens.report.charts import Axis, bar_chart
from hashlens.report.markup import (
    Content,
    Markup,
    element,
    figure,
    folded,
    joined,
    paragraph,
    table,
)

_CLASSES_FIRST, _CLASSES_ALL = 20, 1000
"""Classes that are shown at once, and at most; ``report.json`` has all."""
_PAIRS = 20


def searches(document: dict[str, Any]) -> Markup:
    """Return how precise the first answers and the whole ranking are."""
    found = document["searches"]
    lines = {
        "queries": [f"{numbers.count(one['queries'])}, {one['queries_of']} part" for one in found],
        "images searched": [
            f"{numbers.count(one['database'])}, {one['database_of']} part" for one in found
        ],
        "trained on these": ["yes" if one["database_seen_in_training"] else "no" for one in found],
        "top-5 precision": [numbers.percent(one["precision_at_5"]) for one in found],
        "its 95\N{NO-BREAK SPACE}% interval": [
            _interval(one["precision_at_5_interval"]) for one in found
        ],
        "with ties in the worst order": [
            numbers.percent(one["precision_at_5_low"]) for one in found
        ],
        "with ties in the best order": [
            numbers.percent(one["precision_at_5_high"]) for one in found
        ],
        "the most that is possible": [
            numbers.percent(one["precision_at_5_reachable"]) for one in found
        ],
        "average precision": [numbers.percent(one["map"]) for one in found],
        "in the worst order of ties": [numbers.percent(one["map_low"]) for one in found],
        "in the best order of ties": [numbers.percent(one["map_high"]) for one in found],
        "images tied at the fifth place": [numbers.decimal(one["tied_at_5"], 1) for one in found],
    }
    return joined(
        [
            paragraph(
                "An answer is right if it shares a label with the query. Images whose codes are "
                "equally far from the query tie: figures are expectations over all orders of them. "
                "The interval is over queries: images of the test part, which training does not "
                "see."
            ),
            table(
                "Precision of the first five answers, and of the whole ranking",
                ("search", *(one["search"] for one in found)),
                ((name, *values) for name, values in lines.items()),
            ),
        ]
    )


def _interval(ends: list[float] | None) -> str:
    if ends is None:
        return numbers.NONE
    return " to ".join(numbers.percent(end) for end in ends)


def classes(document: dict[str, Any]) -> Markup:
    """Return every class's figures, the worst first."""
    results = document["classes"]
    intro = (
        f"The search of the {document['searches'][0]['search']}, class by class. A class "
        "of few queries has a rough figure: one query more or less found moves it far."
    )
    if document["classes_without_queries"]:
        count = numbers.count(document["classes_without_queries"])
        intro += f" {count} classes have no query, and so no figure."
    parts: list[Content] = [paragraph(intro)]
    if len(results) > _CLASSES_FIRST:
        parts.append(_spread([one["precision_at_5"] for one in results]))
    parts.append(_class_table("The worst classes first", results[:_CLASSES_FIRST]))
    rest = results[_CLASSES_FIRST:_CLASSES_ALL]
    if rest:
        parts.append(folded(f"{len(rest):,} more classes", _class_table("The other classes", rest)))
    if len(results) > _CLASSES_ALL:
        parts.append(paragraph(f"The other {len(results) - _CLASSES_ALL:,} are in report.json."))
    return joined(parts)


def _spread(shares: list[float]) -> Markup:
    """Return how many classes reach which precision."""
    bins = [0.0] * 10
    for share in shares:
        bins[min(int(10 * share), 9)] += 1
    told = ", ".join(f"{10 * i} to {10 * i + 10} %: {n:.0f}" for i, n in enumerate(bins) if n)
    caption = "How many classes reach which precision"
    across, up = Axis("top-5 precision, %", 0, 100), Axis.around("classes", [0.0, max(bins)])
    chart = bar_chart(f"{caption}: {told}", bins, across, up)
    return element("div", figure(caption, chart), class_="charts")


def _class_table(caption: str, results: Sequence[dict[str, Any]]) -> Markup:
    return table(
        caption,
        (
            "class",
            "top-5",
            "worst order of ties",
            "best order",
            "average precision",
            "queries",
            "searched",
        ),
        (
            (
                one["name"],
                numbers.percent(one["precision_at_5"]),
                numbers.percent(one["precision_at_5_low"]),
                numbers.percent(one["precision_at_5_high"]),
                numbers.percent(one["map"]),
                numbers.count(one["queries"]),
                numbers.count(one["database"]),
            )
            for one in results
        ),
    )


def confusions(document: dict[str, Any]) -> Markup:
    """Return which classes are most often answered in another's place."""
    pairs = document["confusions"]
    if not pairs:
        return paragraph("No answer was wrong.")
    note = (
        [paragraph(f"{document['confused_pairs'] - _PAIRS:,} rarer pairs are left out here.")]
        if document["confused_pairs"] > _PAIRS
        else []
    )
    return joined(
        [
            paragraph(
                "Of the first five answers to the queries of a class: the share that is of another "
                "one. The most answers come first, so large classes lead."
            ),
            table(
                "The most frequent confusions",
                ("queries of", "answered with", "share of the answers", "answers"),
                (
                    (
                        one["class"],
                        one["answered_with"],
                        numbers.percent(one["share"]),
                        numbers.decimal(one["answers"], 1),
                    )
                    for one in pairs[:_PAIRS]
                ),
                text={1},
            ),
            *note,
        ]
    )
