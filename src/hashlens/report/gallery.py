"""The page's part of pictures: queries and their first answers, marked by color, sign and word."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from hashlens.report.examples import Place
from hashlens.report.markup import Markup, element, joined, paragraph

_KINDS = {
    "worst": ("Worst", "The fewest right answers, each of another class as far as there are."),
    "best": ("Best", "The most right answers, each of another class as far as there are."),
    "random": ("Drawn by lot", "What is usual: these queries were not chosen by their answers."),
}


def examples(document: dict[str, Any], pictures: Mapping[Place, str]) -> Markup:
    """Return queries and their first answers as pictures."""
    parts = [
        paragraph(
            "Each row begins with a query of the test part. Its five nearest images follow, drawn "
            "by lot where more are equally far. ✓ in a solid green frame is right, ✗ in a dashed "
            "red one is wrong; the distance is in bits."
        )
    ]
    for kind, (title, what) in _KINDS.items():
        parts += [element("h3", title), paragraph(what, class_="faint")]
        rows = [_row(example, pictures) for example in document["examples"][kind]]
        parts += rows or [paragraph("There are none.")]
    return joined(parts)


def _row(example: dict[str, Any], pictures: Mapping[Place, str]) -> Markup:
    query = example["query"]
    right = sum(answer["right"] for answer in example["answers"])
    label = f"Query of class {_classes(query)}: {right} of {len(example['answers'])} answers right"
    tiles = [_tile(query, "query", "query", "", pictures)]
    for place, answer in enumerate(example["answers"], 1):
        kind = "right" if answer["right"] else "wrong"
        sign = f"{'✓' if answer['right'] else '✗'} {kind}"
        distance = f"{answer['distance']} bit{'' if answer['distance'] == 1 else 's'}"
        tiles.append(_tile(answer, kind, sign, distance, pictures, f"answer {place}"))
    return element("ul", *tiles, class_="answers", aria_label=label)


def _tile(
    image: dict[str, Any],
    kind: str,
    sign: str,
    distance: str,
    pictures: Mapping[Place, str],
    role: str = "query",
) -> Markup:
    name = PurePath(image["name"]).name
    uri = pictures.get((image["part"], image["index"]))
    if uri is None:
        picture = element("div", name, class_="missing")
    else:
        picture = element("img", src=uri, alt=f"{role}, {_classes(image)}: {name}")
    return element(
        "li",
        picture,
        element("b", sign),
        element("span", _classes(image)),
        element("span", distance, class_="distance") if distance else None,
        class_=kind,
        title=image["name"],
    )


def _classes(image: dict[str, Any]) -> str:
    return ", ".join(image["classes"])
