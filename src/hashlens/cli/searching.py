"""`search`: a query image, the nearest of a collection, in five ways to look at them."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from hashlens.cli.calibrating import PrecisionOption, chosen_radius
from hashlens.cli.console import note, print_json
from hashlens.cli.options import CollectionOption, JsonOption, collection_folder
from hashlens.collection import Collection, Hit, SearchSpec
from hashlens.errors import ParameterError


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(search)


def search(
    images: Annotated[
        list[Path], typer.Argument(help="One or more query images.", show_default=False)
    ],
    collection: CollectionOption = None,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            min=1,
            help="How many to show. Default: 10, or all within --radius.",
            show_default=False,
        ),
    ] = None,
    radius: Annotated[
        int | None, typer.Option(min=0, help="Show only images within so many bits.")
    ] = None,
    precision: PrecisionOption = None,
    rerank: Annotated[
        bool,
        typer.Option(
            "--rerank",
            help="Order the nearest by the Euclidean distance of descriptors, where kept.",
        ),
    ] = False,
    json: JsonOption = False,
    paths: Annotated[
        bool, typer.Option("--paths", help="Print only paths, a line each, for pipes.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="OUT.png", help="Draw a contact sheet: query, results, distances."),
    ] = None,
) -> None:
    """Find the images of the collection that are most like IMAGES.

    \b
    Examples:
      hashlens search holiday.jpg
      hashlens search holiday.jpg -k 50 --sheet similar.png
      hashlens search scan.png --radius 8 --paths | xargs -d '\\n' ls -l
      hashlens search shoe.jpg -c shop.hashlens --precision 0.95
    """
    if json and paths:
        raise ParameterError("Choose one of --json and --paths.")
    with Collection.open(collection_folder(collection)) as target:
        spec = SearchSpec(k, chosen_radius(target, radius, precision), rerank)
        began = time.perf_counter()
        results = target.search_many(images, spec)
        milliseconds = 1000 * (time.perf_counter() - began)
        bits, count = target.info().bits, len(target)
    if json:
        print_json(
            {
                "results": [
                    {"query": str(image), "hits": [_hit_dict(hit) for hit in hits]}
                    for image, hits in zip(images, results, strict=True)
                ],
                "bits": bits,
                "images": count,
                "milliseconds": round(milliseconds, 2),
            }
        )
    elif paths:
        _print_paths([hit.path for hits in results for hit in hits])
    else:
        for image, hits in zip(images, results, strict=True):
            _print_table(image, hits, bits)
        note(f"{count:,} images searched, {milliseconds:.0f} ms with encoding the query")
    if sheet is not None:
        from hashlens.report.sheet import save_sheet

        save_sheet(sheet, [(str(image), hits) for image, hits in zip(images, results, strict=True)])
        note(f"wrote {sheet}")


def _hit_dict(hit: Hit) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": hit.path, "distance": hit.distance}
    if hit.euclidean is not None:
        shown["euclidean"] = hit.euclidean
    if hit.label is not None:
        shown["label"] = hit.label
    return shown


def _print_paths(found: list[str]) -> None:
    """Print paths byte for byte, whatever the terminal's encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(b"".join(os.fsencode(path) + b"\n" for path in found))
    sys.stdout.flush()


def _print_table(image: Path, hits: list[Hit], bits: int) -> None:
    if not hits:
        typer.echo(f"{image}: nothing is near enough")
        return
    typer.echo(f"{image}: {len(hits)} of the nearest, distance in bits of {bits}")
    for rank, hit in enumerate(hits, start=1):
        euclidean = "" if hit.euclidean is None else f"  {hit.euclidean:7.4f}"
        typer.echo(f"{rank:5}  {hit.distance:4}{euclidean}  {hit.path}")
