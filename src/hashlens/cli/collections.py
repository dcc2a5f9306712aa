"""`index`, `update`, `remove`, `info` and `duplicates`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hashlens.cli.calibrating import PrecisionOption, chosen_radius
from hashlens.cli.console import human_bytes, note, print_json, progress_bar, report_failures
from hashlens.cli.options import CollectionOption, JsonOption, StrictOption, collection_folder
from hashlens.collection import Collection, IndexReport, is_collection
from hashlens.errors import CollectionError, ModelMismatchError, ParameterError
from hashlens.model.model import load_model
from hashlens.progress import OnProgress


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (index, update, remove, info, duplicates):
        app.command()(command)


def index(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders and images.", show_default=False)
    ] = None,
    collection: CollectionOption = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="The model that makes the codes of a new collection. Default: the bundled one.",
            show_default=False,
        ),
    ] = None,
    keep_descriptors: Annotated[
        bool,
        typer.Option(
            "--keep-descriptors",
            help="Keep each image's descriptor in a new collection, so that searches can --rerank.",
        ),
    ] = False,
    build: Annotated[
        bool,
        typer.Option(
            "--build", help="Save an index of the codes, for many searches of a large collection."
        ),
    ] = False,
    strict: StrictOption = False,
    json: JsonOption = False,
) -> None:
    """Add or update the images under PATHS. Interrupt it at any time; it goes on where it was.

    \b
    Examples:
      hashlens index ~/Pictures
      hashlens index photos/ scans/ -c archive.hashlens --keep-descriptors
      hashlens index products/ -c shop.hashlens --model shop-64/
      hashlens index --build -c archive.hashlens
    """
    if not paths:
        _only_build(build, collection_folder(collection), json)
        return
    missing = [str(path) for path in paths if not path.exists() and not path.is_symlink()]
    if missing:
        raise CollectionError(f"There is no file or folder {', '.join(missing)}.")
    with _open_or_create(collection_folder(collection), model, keep_descriptors) as target:
        _run(lambda tell: target.index(paths, on_progress=tell), target, strict, json, build)


def update(
    collection: CollectionOption = None, strict: StrictOption = False, json: JsonOption = False
) -> None:
    """Look again at all that was indexed: add what is new, drop what has vanished.

    \b
    Example:
      hashlens update -c archive.hashlens
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        _run(lambda tell: target.update(on_progress=tell), target, strict, json)


def remove(
    paths: Annotated[list[Path], typer.Argument(help="Indexed files or folders.")],
    collection: CollectionOption = None,
) -> None:
    """Take images out of the collection. The files themselves are not touched.

    \b
    Example:
      hashlens remove ~/Pictures/screenshots
    """
    with Collection.open(collection_folder(collection), write=True) as target:
        report = target.remove(paths)
    typer.echo(f"removed {report.removed:,} images")
    if report.unknown:
        raise CollectionError(f"The collection holds nothing at {', '.join(report.unknown)}.")


def info(
    collection: CollectionOption = None,
    failures: Annotated[
        bool, typer.Option("--failures", help="Name the files that could not be read.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read everything and compare checksums.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what the collection holds, and whether it is whole.

    \b
    Examples:
      hashlens info
      hashlens info --failures --verify
    """
    with Collection.open(collection_folder(collection)) as target:
        facts = asdict(target.info())
        unreadable = target.failures() if failures else []
        damage = target.verify() if verify else []
    if json:
        print_json(facts | {"failures": unreadable, "damage": damage})
    else:
        size = facts.pop("disk_bytes")
        for name, value in facts.items():
            shown = ", ".join(value) if isinstance(value, list) else value
            typer.echo(f"{name.replace('_', ' '):16} {'–' if shown in (None, '') else shown}")
        typer.echo(f"{'size on disk':16} {human_bytes(size)}")
        for path, reason in unreadable:
            typer.echo(f"unreadable       {path}: {reason}")
        if verify and not damage:
            typer.echo("all checksums are right")
    if damage:
        raise CollectionError("The collection is damaged: " + " ".join(damage))


def duplicates(
    radius: Annotated[
        int | None,
        typer.Option(
            min=0, help="Most bits in which two images of a group differ.", show_default=False
        ),
    ] = None,
    precision: PrecisionOption = None,
    collection: CollectionOption = None,
    json: JsonOption = False,
) -> None:
    """Show groups of near-duplicates: all pairs of images within RADIUS bits, and their chains.

    \b
    Examples:
      hashlens duplicates --radius 0     copies, and images with equal codes
      hashlens duplicates --radius 8     also rescaled and recompressed ones
      hashlens duplicates --precision 0.99    where the model is calibrated
    """
    with Collection.open(collection_folder(collection)) as target:
        within = chosen_radius(target, radius, precision)
        if within is None:
            raise ParameterError(
                "Give --radius BITS, or --precision where the model is calibrated."
            )
        groups = target.duplicates(within)
    if json:
        print_json({"radius": within, "groups": [asdict(group) for group in groups]})
        return
    for group in groups:
        # In a chain, images that are joined through others may be further apart.
        typer.echo(f"{len(group.paths)} images, joined by pairs up to {group.widest} bits apart")
        for path in group.paths:
            typer.echo(f"  {path}")
    note(f"{len(groups):,} groups, {sum(len(group.paths) for group in groups):,} images")


def _open_or_create(folder: Path, model: str | None, keep_descriptors: bool) -> Collection:
    if not is_collection(folder):
        return Collection.create(folder, load_model(model), keep_descriptors)
    target = Collection.open(folder, write=True, model=None if model is None else load_model(model))
    if keep_descriptors and target.info().descriptor_dim is None:
        target.close()
        raise ModelMismatchError(
            f"The collection {folder} was made without descriptors, and they can't be added later. "
            "Make another with: hashlens index PATHS --keep-descriptors -c NEW"
        )
    return target


def _only_build(build: bool, folder: Path, json: bool) -> None:
    if not build:
        raise ParameterError("Name the folders and images to index, or give --build.")
    with Collection.open(folder, write=True) as target:
        size = target.build_index().stat().st_size
        if json:
            print_json({"images": len(target), "index_bytes": size})
        else:
            typer.echo(f"index of {len(target):,} images saved, {human_bytes(size)}")


def _run(
    work: Callable[[OnProgress], IndexReport],
    target: Collection,
    strict: bool,
    json: bool,
    build: bool = False,
) -> None:
    """Index with a progress bar, then say what was done."""
    began = time.monotonic()
    try:
        with progress_bar("images") as move:
            report = work(move)
        if build:
            target.build_index()
    except KeyboardInterrupt:
        note(f"interrupted; {len(target):,} images are kept. The same command goes on from here.")
        raise typer.Exit(130) from None
    seconds = time.monotonic() - began
    if json:
        print_json(asdict(report) | {"images": len(target), "seconds": round(seconds, 2)})
    else:
        done = report.added + report.reused
        typer.echo(
            f"{report.added:,} added, {report.reused:,} known by content, "
            f"{report.skipped:,} unchanged, {report.removed:,} vanished, "
            f"{len(report.failed):,} unreadable; {len(target):,} images in all"
        )
        if done:
            note(f"{seconds:.1f} s, {done / seconds:,.0f} images/s")
        report_failures(report.failed, "hashlens info --failures")
    if strict and report.failed:
        raise typer.Exit(1)
