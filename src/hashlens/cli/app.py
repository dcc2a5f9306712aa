"""The commands by name. Each is one module, imported only when it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import hashlens

COMMANDS = {
    "index": "Add images to a collection.",
    "update": "Add new images and drop vanished ones.",
    "remove": "Take images out of the collection.",
    "info": "Show what the collection holds and whether it is intact.",
    "search": "Find the images most similar to yours.",
    "duplicates": "Show groups of near-duplicate images.",
    "train": "Train a code on labeled images.",
    "evaluate": "Measure a model on labeled images.",
    "calibrate": "Find the radius that reaches a wanted precision.",
    "export": "Write a model or codes for other tools.",
    "benchmark": "Compare hashing methods.",
}
"""The name of each command, which is also that of its module and function, and its help in a line.
The line is the first of the function's docstring, so that `--help` need not import it."""

_PLAIN: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}


class _Commands(Mapping[str, Any]):
    """The commands by name, each imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        single = typer.Typer(**_PLAIN)
        single.command(name)(getattr(import_module(f"hashlens.cli.{name}"), name))
        return get_command(single)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class LazyGroup(TyperGroup):
    """A group that lists its commands without importing them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Commands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in the order of the table."""
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands and their lines."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    **_PLAIN,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hashlens {hashlens.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Find images similar in content to yours, by short binary codes: offline, exact and fast."""
