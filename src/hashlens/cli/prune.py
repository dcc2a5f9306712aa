"""`prune`: remove missing images for good."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from hashlens.cli.console import note, print_json, show
from hashlens.cli.options import PATH, collection_folder, collection_option, json_option
from hashlens.collection import Collection, PruneReport
from hashlens.errors import ParameterError


@click.command()
@collection_option
@click.option(
    "--older-than",
    type=click.FloatRange(min=0),
    metavar="DAYS",
    help="Remove only images that have been missing for so many days.",
)
@click.option("--under", type=PATH, metavar="FOLDER", help="Remove only images below it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def prune(
    collection: Path | None,
    older_than: float | None,
    under: Path | None,
    yes: bool,
    json: bool,
) -> None:
    """Remove missing images for good.

    Says first what it would remove. Images are missing if the last update did not see their files:
    they were deleted or moved, or are on a drive that is not there.

    \b
    Examples:
      hashlens prune
      hashlens prune --older-than 90 --under ~/Pictures/phone --yes
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        planned = target.prune(older_than, under, dry_run=True)
        if not json:
            _print_plan(planned)
        if planned.files and not _is_wanted(yes):
            raise ParameterError("Nothing was removed. To remove these images, give --yes.")
        done = target.prune(older_than, under)
    if json:
        print_json(asdict(done))
    else:
        show(f"removed {done.images:,} images")


def _print_plan(planned: PruneReport) -> None:
    if not planned.files:
        note("no image is missing")
    for below in planned.missing:
        show(f"{below.images:,} images below {below.root}, missing since {below.since}")
        if below.away:
            note(f"{below.root} is missing or empty now: is it a drive that is not there?")
    if planned.files:
        show(f"{planned.images:,} images with {planned.files:,} paths in all")


def _is_wanted(yes: bool) -> bool:
    if yes:
        return True
    return (
        sys.stdin is not None
        and sys.stdin.isatty()
        and click.confirm("Remove them for good?", err=True)
    )
