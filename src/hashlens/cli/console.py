"""Where text goes: results to stdout; progress, warnings and errors to stderr.

Lines for people are made `printable`; JSON and paths, which are for programs, are exact.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hashlens.cli.streams import write_error, write_out
from hashlens.printable import printable
from hashlens.progress import OnProgress, no_progress

_NAMED = 20
"""How many failures are named; the rest are counted."""


def show(text: str) -> None:
    """Print a line for people on stdout."""
    write_out(printable(text) + "\n")


def print_paths(paths: Iterable[str], end: bytes = b"\n") -> None:
    """Print paths on stdout byte for byte, each followed by ``end``."""
    write_out(b"".join(os.fsencode(path) + end for path in paths))


def print_json(document: Any) -> None:
    """Print one JSON document on stdout: ASCII in any locale, so that all paths survive.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has no NaN.
    """
    text = json.dumps(document, indent=2, default=str, allow_nan=False)
    write_out(text.encode("ascii") + b"\n")


def command_line() -> str:
    """Return the command that is running, as a shell would take it."""
    return shlex.join(["hashlens", *sys.argv[1:]])


def note(text: str) -> None:
    """Print a line for people on stderr."""
    write_error(printable(text) + "\n")


def notes(lines: Iterable[str]) -> None:
    """Print lines on stderr."""
    for line in lines:
        note(line)


def report_failures(failed: Sequence[tuple[str, str]], command: str | None = None) -> None:
    """Name the images that could not be read, on stderr.

    Parameters
    ----------
    failed : sequence of (name, reason)
    command : str, optional
        A command that lists all of them, to be named where there are many.
    """
    for path, reason in failed[:_NAMED]:
        note(f"skipped {path}: {reason}")
    if len(failed) > _NAMED:
        hint = "" if command is None else f"; `{command}` lists them all"
        note(f"skipped {len(failed) - _NAMED:,} more{hint}")


@contextmanager
def progress_bar(unit: str) -> Iterator[OnProgress]:
    """Show a progress bar on stderr, and yield the callback that moves it.

    Without a terminal there is no bar, so that logs stay short.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} " + unit),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    tasks: dict[str, Any] = {}

    def move(step: str, done: int, total: int) -> None:
        if step not in tasks:
            # The rate counts from here: what was done before was only looked up.
            tasks[step] = bar.add_task(step, total=total, completed=done, rate="")
        task = bar.tasks[bar.task_ids.index(tasks[step])]
        rate = f"{task.speed:,.0f}/s" if task.speed else ""
        bar.update(tasks[step], completed=done, total=total, rate=rate)

    with bar:
        yield move


def size(count: int) -> str:
    """Return a size for people: 1536 → "1.5 kB"."""
    from rich.filesize import decimal

    return decimal(count)
