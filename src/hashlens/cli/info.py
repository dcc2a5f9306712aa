"""`info`: what a collection holds, and whether it is intact."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from hashlens.cli.console import print_json, show, size
from hashlens.cli.options import collection_folder, collection_option, json_option
from hashlens.collection import Collection
from hashlens.errors import CollectionError


@click.command()
@collection_option
@click.option("--failures", is_flag=True, help="List the files that could not be read.")
@click.option("--verify", is_flag=True, help="Read everything and compare checksums.")
@json_option
def info(
    collection: Path | None,
    failures: bool,
    verify: bool,
    json: bool,
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
            show(f"unreadable       {path}: {reason}")
        if verify and not damage:
            show("all checksums match")
    if damage:
        raise CollectionError("The collection is damaged: " + " ".join(damage))


def _print_facts(facts: dict[str, Any]) -> None:
    disk_bytes = facts.pop("disk_bytes")
    missing = facts.pop("missing_below")
    patterns = facts.pop("patterns")
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        show(f"{name.replace('_', ' '):16} {'–' if shown in (None, '') else shown}")
    for root, lines in patterns.items():
        show(f"{'left out':16} {root}: {', '.join(lines)}")
    for below in missing:
        show(
            f"{'missing':16} {below['images']:,} images below {below['root']}, since "
            f"{below['since']}{' (missing or empty now)' if below['away'] else ''}"
        )
    show(f"{'size on disk':16} {size(disk_bytes)}")
