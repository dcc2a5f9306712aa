"""`duplicates`: groups of near-duplicate images in a collection."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from hashlens.cli.console import note, print_json, show
from hashlens.cli.options import collection_folder, collection_option, json_option, precision_option
from hashlens.cli.radius_note import note_radius
from hashlens.collection import Collection, DuplicateGroup


@click.command()
@click.option(
    "--radius",
    type=click.IntRange(min=0),
    metavar="BITS",
    help="Maximum number of bits in which two images of a group differ.",
)
@precision_option
@collection_option
@json_option
def duplicates(
    radius: int | None,
    precision: float | None,
    collection: Path | None,
    json: bool,
) -> None:
    """Show groups of near-duplicate images.

    Two images are in one group if their codes differ in at most RADIUS bits, or if a chain of such
    pairs joins them. Each file is listed once, with its links below it; files with the same
    "identical" number are equal byte by byte.

    \b
    Examples:
      hashlens duplicates --radius 0          copies, and images with equal codes
      hashlens duplicates --radius 8          also resized and recompressed ones
      hashlens duplicates --precision 0.99    if the model is calibrated
    """
    with Collection.open(collection_folder(collection)) as target:
        groups = target.duplicates(radius, precision=precision)
        if precision is not None:
            radius = target.radius_for(precision)
            note_radius(target, precision)
    if json:
        print_json({"radius": radius, "groups": [asdict(group) for group in groups]})
        return
    for group in groups:
        _print_group(group)
    note(f"{len(groups):,} groups, {sum(len(group.paths) for group in groups):,} files")


def _print_group(group: DuplicateGroup) -> None:
    # Images that a chain joins may be further apart than this.
    show(f"{len(group.paths)} files, joined by pairs up to {group.widest} bits apart")
    sets = {path: number for number, same in enumerate(group.identical, 1) for path in same}
    for path in group.paths:
        copy = f"  [identical {sets[path]}]" if path in sets else ""
        show(f"  {path}{copy}")
        for link in group.links.get(path, []):
            show(f"    same file: {link}")
