"""Where the `hashlens` command starts, and what its errors look like."""

from __future__ import annotations

import io
import sys

import hashlens
from hashlens.cli.console import note, notes, show
from hashlens.cli.streams import end_streams, prepare_streams
from hashlens.errors import HashlensError, ParameterError


def main() -> None:
    """Run the command line.

    Exits with 0 (done), 1 (failed), 2 (wrong usage) or 130 (interrupted).
    """
    prepare_streams()
    raise SystemExit(end_streams(_exit_code()))


def _exit_code() -> int:
    """Run the command line, and say what went wrong in one line."""
    try:
        return _run()
    except KeyboardInterrupt:
        note("hashlens: interrupted")
        return 130
    except BrokenPipeError:  # The reader of the pipe, such as `head`, has seen enough.
        return 1
    except (HashlensError, OSError) as error:
        note(f"hashlens: {error}")
        return 2 if isinstance(error, ParameterError) else 1


def _run() -> int:
    """Run the command line, and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        # Loading a parser would take longer than the answer.
        show(f"hashlens {hashlens.__version__}")
        return 0
    import click

    from hashlens.cli.app import app

    try:
        code = app.main(standalone_mode=False)
    except SystemExit as end:
        code = end.code
    except click.Abort as abort:
        if isinstance(abort.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        note("hashlens: nothing was done")
        return 1
    except click.ClickException as error:
        message = io.StringIO()
        error.show(message)
        notes(message.getvalue().rstrip("\n").split("\n"))
        return error.exit_code
    return code if isinstance(code, int) else 0
