"""`search`: the images of a collection that are most similar to a query image."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from hashlens.cli.console import note, notes, print_json, print_paths, show
from hashlens.cli.options import (
    PATH,
    collection_folder,
    collection_option,
    json_option,
    precision_option,
)
from hashlens.cli.radius_note import note_radius
from hashlens.collection import Collection, Hit
from hashlens.errors import ParameterError


@click.command()
@click.argument("images", nargs=-1, required=True, type=PATH)
@collection_option
@click.option(
    "-k",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help="Number of results per query. Default: 10, or all within --radius or --precision.",
)
@click.option(
    "--radius",
    type=click.IntRange(min=0),
    metavar="BITS",
    help="Show only images within this distance.",
)
@precision_option
@click.option(
    "--rerank",
    is_flag=True,
    help="Order the nearest by the Euclidean distance of their descriptors, if these are kept.",
)
@click.option(
    "--under",
    type=PATH,
    multiple=True,
    metavar="FOLDER",
    help="Search only this folder; may be repeated.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME",
    help="Search only images with this label; may be repeated.",
)
@json_option
@click.option("--paths", is_flag=True, help="Print only paths, one per line, for pipes.")
@click.option(
    "-0", "--null", is_flag=True, help="With --paths: end each path with a NUL byte, for xargs -0."
)
@click.option(
    "--sheet",
    type=PATH,
    metavar="OUT.png",
    help="Draw a contact sheet of queries, results and distances.",
)
def search(
    images: tuple[Path, ...],
    collection: Path | None,
    k: int | None,
    radius: int | None,
    precision: float | None,
    rerank: bool,
    under: tuple[Path, ...],
    labels: tuple[str, ...],
    json: bool,
    paths: bool,
    null: bool,
    sheet: Path | None,
) -> None:
    """Find the images most similar to yours.

    An image that can't be read is named, and the others are answered; the exit code is then 1.

    \b
    Examples:
      hashlens search holiday.jpg
      hashlens search holiday.jpg -k 50 --sheet similar.png
      hashlens search holiday.jpg --under ~/Pictures/2019 --under ~/Pictures/2020
      hashlens search scan.png --radius 8 --paths -0 | xargs -0 ls -l
      hashlens search shoe.jpg -c shop.hashlens --precision 0.95
    """
    if sheet is not None:
        from hashlens.report.sheet import check_sheet, save_sheet

        check_sheet(sheet)
    if json and paths:
        raise ParameterError("Choose one of --json and --paths.")
    if null and not paths:
        raise ParameterError("--null ends paths: give --paths, too.")
    broken: dict[int, str] = {}
    with Collection.open(collection_folder(collection)) as target:
        began = time.perf_counter()
        found = target.search_many(
            images,
            k,
            radius=radius,
            precision=precision,
            rerank=rerank,
            under=under or None,
            labels=labels or None,
            on_error=lambda place, error: broken.update({place: str(error)}),
        )
        milliseconds = 1000 * (time.perf_counter() - began)
        note_radius(target, precision)
        bits, count = target.bits, len(target)
    results = list(zip(map(str, images), found, strict=True))
    if json:
        answers = [_answer(*result, broken.get(place)) for place, result in enumerate(results)]
        print_json(
            {
                "results": answers,
                "bits": bits,
                "images": count,
                "milliseconds": round(milliseconds, 2),
            }
        )
    elif paths:
        print_paths((hit.path for _, hits in results for hit in hits), b"\0" if null else b"\n")
    else:
        for place, (query, hits) in enumerate(results):
            if place not in broken:
                _print_table(query, hits, bits, bool(under or labels))
        note(f"{count:,} images searched in {milliseconds:.0f} ms, encoding included")
    notes(f"hashlens: {reason}" for reason in broken.values())
    if sheet is not None:
        for page in save_sheet(sheet, results):
            note(f"wrote {page}")
    if broken:
        raise SystemExit(1)


def _answer(query: str, hits: list[Hit], error: str | None) -> dict[str, Any]:
    if error is not None:
        return {"query": query, "error": error}
    return {"query": query, "hits": [_hit_dict(hit) for hit in hits]}


def _hit_dict(hit: Hit) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": hit.path, "distance": hit.distance}
    if hit.euclidean is not None:
        shown["euclidean"] = hit.euclidean
    if hit.label is not None:
        shown["label"] = hit.label
    if hit.others:
        shown["others"] = list(hit.others)
    return shown


def _print_table(query: str, hits: list[Hit], bits: int, is_filtered: bool) -> None:
    if not hits:
        chosen = " among those that --under and --label choose" if is_filtered else ""
        show(f"{query}: no image is near enough{chosen}")
        return
    show(f"{query}: the {len(hits)} nearest, distances in bits of {bits}")
    for rank, hit in enumerate(hits, start=1):
        euclidean = "" if hit.euclidean is None else f"  {hit.euclidean:7.4f}"
        others = f"  (+{len(hit.others)} more paths)" if hit.others else ""
        show(f"{rank:5}  {hit.distance:4}{euclidean}  {hit.path}{others}")
