"""`remove`: take images out of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashlens.cli.options import CollectionOption, collection_folder
from hashlens.collection import Collection
from hashlens.errors import CollectionError

_Paths = Annotated[list[Path], typer.Argument(help="Indexed files or folders.", show_default=False)]


def remove(paths: _Paths, collection: CollectionOption = None) -> None:
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
    typer.echo(f"removed {report.removed:,} images")
    if report.unknown:
        raise CollectionError(f"The collection holds nothing at {', '.join(report.unknown)}.")
