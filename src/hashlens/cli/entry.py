"""Where the `hashlens` command starts, and what its errors look like."""

from __future__ import annotations

import sys

import hashlens
from hashlens.errors import HashlensError, ParameterError


def main() -> None:
    """Run the command line; exit with 0 (done), 1 (failed) or 2 (wrong usage)."""
    # A path that is not UTF-8 is printed byte for byte, and a character that the terminal lacks
    # never ends a command.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
    if sys.argv[1:] == ["--version"]:
        # Loading a parser would take longer than the answer.
        print(f"hashlens {hashlens.__version__}")
        return
    from hashlens.cli.app import app

    try:
        app()
    except ParameterError as error:
        _fail(2, error)
    except HashlensError as error:
        _fail(1, error)
    except BrokenPipeError:
        # The reader of the pipe, such as `head`, has seen enough.
        sys.stderr.close()
        raise SystemExit(1) from None


def _fail(code: int, error: HashlensError) -> None:
    print(f"hashlens: {error}", file=sys.stderr)
    raise SystemExit(code) from None
