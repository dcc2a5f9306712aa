"""Where text goes: results to stdout; progress, warnings and errors to stderr."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from hashlens.progress import OnProgress, no_progress

_NAMED = 20
"""How many failures are named; the rest are counted."""


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, in ASCII, so that any path survives.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has no NaN.
    """
    click.echo(json.dumps(document, indent=2, default=str, allow_nan=False))


def command_line() -> str:
    """Return the command that is running, as a shell would take it."""
    return shlex.join(["hashlens", *sys.argv[1:]])


def note(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)


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
    if not sys.stderr.isatty():
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
