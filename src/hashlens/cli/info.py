"""`info`: what a collection holds, and whether it is intact."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from hashlens.cli.console import print_json, size
from hashlens.cli.options import CollectionOption, JsonOption, collection_folder
from hashlens.collection import Collection
from hashlens.errors import CollectionError

_Failures = Annotated[
    bool, typer.Option("--failures", help="List the files that could not be read.")
]
_Verify = Annotated[bool, typer.Option("--verify", help="Read everything and compare checksums.")]


def info(
    collection: CollectionOption = None,
    failures: _Failures = False,
    verify: _Verify = False,
    json: JsonOption = False,
) -> None:
    """Show what the collection holds and whether it is intact.

    \b
    Examples:
      hashlens info
      hashlens info -c archive.hashlens --failures --verify
    """
    with Collection.open(collection_folder(collection)) as target:
        facts = asdict(target.info())
        unreadable = target.failures() if failures else []
        damage = target.verify() if verify else []
    if json:
        print_json(facts | {"failures": unreadable, "damage": damage})
    else:
        _print_facts(facts)
        for path, reason in unreadable:
            typer.echo(f"unreadable       {path}: {reason}")
        if verify and not damage:
            typer.echo("all checksums match")
    if damage:
        raise CollectionError("The collection is damaged: " + " ".join(damage))


def _print_facts(facts: dict[str, Any]) -> None:
    disk_bytes = facts.pop("disk_bytes")
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name.replace('_', ' '):16} {'–' if shown in (None, '') else shown}")
    typer.echo(f"{'size on disk':16} {size(disk_bytes)}")
