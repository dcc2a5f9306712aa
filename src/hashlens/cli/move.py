"""`move`: follow files that were moved on the disk."""

from __future__ import annotations

from pathlib import Path

import click

from hashlens.cli.console import note, show
from hashlens.cli.options import PATH, collection_folder, collection_option
from hashlens.collection import Collection


@click.command()
@click.argument("old", type=PATH)
@click.argument("new", type=PATH)
@collection_option
def move(old: Path, new: Path, collection: Path | None) -> None:
    """Follow files that were moved on the disk.

    Rewrites the path of a folder or file, and of all below it, from OLD to NEW in the collection.
    The files are neither moved nor read.

    \b
    Examples:
      hashlens move /home/ann/Pictures /mnt/photos
      hashlens move ~/Pictures/phone ~/Pictures/2024/phone -c archive.hashlens
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        report = target.move(old, new)
    show(f"moved {report.files:,} files and {report.roots:,} roots")
    if not new.exists():
        note(f"there is nothing at {new} yet")
    note("`hashlens update` looks at the files at their new paths")
