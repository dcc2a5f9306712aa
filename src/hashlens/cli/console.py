"""Where text goes: results to stdout; progress, warnings and errors to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

_NAMED = 20
"""Failures that are named one by one; the rest is counted."""


def print_json(document: Any) -> None:
    """Print one JSON document on stdout, in ASCII, so that any path survives."""
    typer.echo(json.dumps(document, indent=2, default=str))


def note(text: str) -> None:
    """Print a line on stderr."""
    typer.echo(text, err=True)


def report_failures(failed: Sequence[tuple[str, str]], command: str | None = None) -> None:
    """Name the images that could not be read, on stderr.

    Parameters
    ----------
    failed : sequence of (name, reason)
    command : str, optional
        What names all of them, where these are many.
    """
    for path, reason in failed[:_NAMED]:
        note(f"skipped {path}: {reason}")
    if len(failed) > _NAMED:
        hint = "" if command is None else f"; `{command}` names all"
        note(f"skipped {len(failed) - _NAMED:,} more{hint}")


@contextmanager
def progress_bar(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar on stderr, and yield what moves it: (description, done, total).

    Without a terminal there is no bar, so that logs stay short.
    """
    if not sys.stderr.isatty():
        yield lambda description, done, total: None
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

    def move(description: str, done: int, total: int) -> None:
        if description not in tasks:
            # Speed counts from here on: what was done before was only looked up.
            tasks[description] = bar.add_task(description, total=total, completed=done, rate="")
        task = bar.tasks[bar.task_ids.index(tasks[description])]
        rate = f"{task.speed:,.0f}/s" if task.speed else ""
        bar.update(tasks[description], completed=done, total=total, rate=rate)

    with bar:
        yield move


def human_bytes(count: float) -> str:
    """Return a size for people: 1536 → "1.5 KB"."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TB"
