"""`update`: bring a collection up to date with the disk."""

from __future__ import annotations

from pathlib import Path

import click

from hashlens.cli.index_report import run_indexing
from hashlens.cli.options import (
    collection_folder,
    collection_option,
    force_option,
    json_option,
    strict_option,
)
from hashlens.collection import Collection


@click.command()
@collection_option
@force_option
@strict_option
@json_option
def update(collection: Path | None, force: bool, strict: bool, json: bool) -> None:
    """Add new images and notice missing ones.

    Looks at all folders and images that were ever indexed and not removed. Images that can't be
    seen are kept as missing, and searches do not find them until they are seen again.

    \b
    Examples:
      hashlens update
      hashlens update -c archive.hashlens
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        run_indexing(
            target,
            lambda move: target.update(force=force, on_progress=move),
            strict=strict,
            json=json,
        )
