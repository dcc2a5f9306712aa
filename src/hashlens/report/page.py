"""The report as a page: one file of HTML that needs no network, no scripts and no other file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hashlens.report import numbers
from hashlens.report.background import codes, cost, settings
from hashlens.report.course import learning
from hashlens.report.examples import Place
from hashlens.report.gallery import examples
from hashlens.report.markup import Markup, element
from hashlens.report.results import classes, confusions, searches

_STYLE = Path(__file__).with_name("page.css")


def render(document: dict[str, Any], pictures: Mapping[Place, str]) -> str:
    """Return the page of a report.

    Parameters
    ----------
    document : dict
        As `report_document` returns it.
    pictures : mapping of (part, number) to str
        Data URIs of the images that examples show; others are named instead.
    """
    parts = [
        ("finds", "How well it finds", searches(document)),
        ("learning", "How it learned", learning(document["learning"])),
        ("classes", "Class by class", classes(document)),
        ("confusions", "What is taken for what", confusions(document)),
        ("examples", "Queries and their first answers", examples(document, pictures)),
        ("codes", "The codes", codes(document)),
        ("cost", "Size and speed", cost(document)),
        ("settings", "Data and settings", settings(document)),
    ]
    there = [(key, title, content) for key, title, content in parts if content]
    links = (element("a", title, href=f"#{key}") for key, title, _ in there)
    title = f"Training report: {_name(document)}"
    body = element(
        "body",
        element(
            "header",
            element("h1", title),
            element("p", _origin(document), class_="faint"),
            _key_figures(document),
            element("nav", *links, aria_label="Parts of the report"),
        ),
        element(
            "main",
            *(
                element("section", element("h2", title), content, id=key)
                for key, title, content in there
            ),
        ),
    )
    return f"<!doctype html>\n{element('html', _head(title), body, lang='en')}\n"


def _head(title: str) -> Markup:
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(_STYLE.read_text(encoding="utf-8"))),
    )


def _name(document: dict[str, Any]) -> str:
    return f"{document['model']['method']}, {document['model']['bits']} bits"


def _origin(document: dict[str, Any]) -> str:
    day, clock = document["written"][:10], document["written"][11:16]
    return f"{document['data']['source']} · {day}, {clock} UTC"


def _key_figures(document: dict[str, Any]) -> Markup:
    """Return the figures that are read first."""
    first, last = document["searches"][0], document["searches"][-1]
    data = document["data"]
    saw = "saw" if last["database_seen_in_training"] else "did not see"
    tiles = [
        (
            "top-5 precision",
            numbers.percent(first["precision_at_5"]),
            f"{first['search']}; {numbers.percent(first['precision_at_5_low'])} to "
            f"{numbers.percent(first['precision_at_5_high'])} by the order of ties",
        ),
        (
            "average precision",
            numbers.percent(last["map"]),
            f"of {numbers.count(last['queries'])} queries in {numbers.count(last['database'])} "
            f"images that training {saw}",
        ),
        (
            "an image's code",
            numbers.file_size(document["size"]["bytes_per_image"]),
            f"instead of {numbers.file_size(document['size']['descriptor_bytes_per_image'])}",
        ),
        (
            "training",
            numbers.seconds(document["speed"]["training_seconds"]),
            f"{numbers.count(data['trained_on'])} images, "
            f"{numbers.count(data['trained_classes'])} classes",
        ),
    ]
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value, element("small", more)))
            for name, value, more in tiles
        ),
        class_="key",
    )
