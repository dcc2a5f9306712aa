"""`remove`: take images out of a collection."""

from __future__ import annotations

from pathlib import Path

import click

from hashlens.cli.console import show
from hashlens.cli.options import PATH, collection_folder, collection_option
from hashlens.collection import Collection
from hashlens.errors import CollectionError


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH)
@collection_option
def remove(paths: tuple[Path, ...], collection: Path | None) -> None:
    """Take images out of the collection.

    The files are not touched. From then on `update`, and `index` of a folder above, leave them out;
    index the same paths again to bring them back.

    \b
    Examples:
      hashlens remove ~/Pictures/screenshots
      hashlens remove scan-17.png scan-18.png -c archive.hashlens
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        report = target.remove(paths)
    show(f"removed {report.removed:,} files")
    if report.unknown:
        raise CollectionError(f"The collection holds nothing at {', '.join(report.unknown)}.")
