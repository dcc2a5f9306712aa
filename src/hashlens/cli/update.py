"""`update`: bring a collection up to date with the disk."""

from __future__ import annotations

from pathlib import Path

import click

from hashlens.cli.indexing import run_indexing
from hashlens.cli.options import collection_folder, collection_option, json_option, strict_option
from hashlens.collection import Collection


@click.command()
@collection_option
@strict_option
@json_option
def update(collection: Path | None, strict: bool, json: bool) -> None:
    """Add new images and drop vanished ones.

    Looks at all folders and images that were ever indexed and not removed.

    \b
    Examples:
      hashlens update
      hashlens update -c archive.hashlens
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        run_indexing(target, lambda move: target.update(on_progress=move), strict=strict, json=json)
