"""The `hashlens` command: its sub-commands, and what an error looks like."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import hashlens
from hashlens.cli import benchmark, calibrating, collections, exporting, models, searching
from hashlens.errors import HashlensError, ParameterError

app = typer.Typer(
    help="Find images that mean the same as yours, by short binary codes. Offline, exact, fast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
collections.register(app)
searching.register(app)
models.register(app)
exporting.register(app)
calibrating.register(app)
benchmark.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hashlens {hashlens.__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Find images that mean the same as yours, by short binary codes. Offline, exact, fast."""


def main() -> None:
    """Run the command line; exit with 0 (done), 1 (failed) or 2 (wrong usage)."""
    # A path that is no UTF-8 is printed byte for byte, and a character that a terminal lacks never
    # ends a command.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    try:
        app()
    except ParameterError as error:
        typer.echo(f"hashlens: {error}", err=True)
        raise SystemExit(2) from None
    except HashlensError as error:
        typer.echo(f"hashlens: {error}", err=True)
        raise SystemExit(1) from None
    except BrokenPipeError:
        # The reader of the pipe, such as `head`, has seen enough.
        sys.stderr.close()
        raise SystemExit(1) from None
