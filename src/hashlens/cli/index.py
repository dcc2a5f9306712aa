"""`index`: add images to a collection."""

from __future__ import annotations

from pathlib import Path

import click

from hashlens.cli.console import print_json, show, size
from hashlens.cli.index_report import run_indexing
from hashlens.cli.options import (
    PATH,
    collection_folder,
    collection_option,
    force_option,
    json_option,
    strict_option,
)
from hashlens.collection import Collection
from hashlens.errors import CollectionError, ParameterError
from hashlens.model.loading import load_model


@click.command()
@click.argument("paths", nargs=-1, type=PATH)
@collection_option
@click.option(
    "--model",
    metavar="NAME|DIR",
    help="The model that encodes a new collection. Default: the bundled one.",
)
@click.option(
    "--keep-descriptors",
    is_flag=True,
    help="Keep the descriptor of each image in a new collection, for `search --rerank`.",
)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Leave out what matches below PATHS, as in a .gitignore file; may be repeated, and is "
    "remembered. An empty pattern forgets earlier ones.",
)
@force_option
@click.option(
    "--build",
    is_flag=True,
    help="Save an index of the codes: worthwhile for many searches of many images.",
)
@strict_option
@json_option
def index(
    paths: tuple[Path, ...],
    collection: Path | None,
    model: str | None,
    keep_descriptors: bool,
    exclude: tuple[str, ...],
    force: bool,
    build: bool,
    strict: bool,
    json: bool,
) -> None:
    """Add images to a collection.

    Adds the images at and under PATHS; unchanged ones are skipped. Interrupt it at any time: the
    same command resumes where it stopped.

    \b
    Examples:
      hashlens index ~/Pictures
      hashlens index photos/ scans/ -c archive.hashlens --keep-descriptors
      hashlens index products/ -c shop.hashlens --model shop-64/
      hashlens index ~/Pictures --exclude '*.tmp.jpg' --exclude /private/
      hashlens index --build -c archive.hashlens
    """
    folder = collection_folder(collection)
    if not paths:
        if not build:
            raise ParameterError("Name the folders and images to index, or give --build.")
        _build_only(folder, json)
        return
    missing = [str(path) for path in paths if not path.exists() and not path.is_symlink()]
    if missing:
        raise CollectionError(f"There is no file or folder {', '.join(missing)}.")
    chosen = None if model is None else load_model(model)
    with Collection.open_or_create(folder, chosen, keep_descriptors=keep_descriptors) as target:
        run_indexing(
            target,
            lambda move: target.index(
                paths, exclude=exclude or None, force=force, on_progress=move
            ),
            strict=strict,
            json=json,
            build=build,
        )


def _build_only(folder: Path, json: bool) -> None:
    with Collection.open(folder, write=True) as target:
        taken = target.build_index().stat().st_size
        if json:
            print_json({"images": len(target), "index_bytes": taken})
        else:
            show(f"index of {len(target):,} images saved, {size(taken)}")
