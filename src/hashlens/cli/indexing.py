"""What `index` and `update` share: a progress bar, interruption, and the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict

import click

from hashlens.cli.console import note, print_json, progress_bar, report_failures
from hashlens.collection import Collection, IndexReport
from hashlens.progress import OnProgress


def run_indexing(
    target: Collection,
    work: Callable[[OnProgress], IndexReport],
    *,
    strict: bool,
    json: bool,
    build: bool = False,
) -> None:
    """Run ``work`` under a progress bar and print its report; with ``build``, save an index.

    Exits with 130 when interrupted and, with ``strict``, with 1 if any image could not be read.
    """
    began = time.monotonic()
    try:
        with progress_bar("images") as move:
            report = work(move)
        if build:
            target.build_index()
    except KeyboardInterrupt:
        note(f"interrupted; {len(target):,} images are kept. The same command resumes from here.")
        raise SystemExit(130) from None
    seconds = time.monotonic() - began
    if json:
        print_json(asdict(report) | {"images": len(target), "seconds": round(seconds, 2)})
    else:
        _print_report(report, len(target), seconds)
    if strict and report.failed:
        raise SystemExit(1)


def _print_report(report: IndexReport, images: int, seconds: float) -> None:
    click.echo(
        f"{report.added:,} added, {report.reused:,} known by content, "
        f"{report.skipped:,} unchanged, {report.removed:,} vanished, "
        f"{len(report.failed):,} unreadable; {images:,} images in total"
    )
    done = report.added + report.reused
    if done:
        note(f"{seconds:.1f} s, {done / seconds:,.0f} images/s")
    report_failures(report.failed, "hashlens info --failures")
