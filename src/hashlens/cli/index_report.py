"""What `index` and `update` share: a progress bar, interruption, and the report."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from hashlens.cli.console import note, notes, print_json, progress_bar, report_failures, show
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

    Exits with 130 when interrupted and, with ``strict``, with 1 if any image could not be read or
    was passed over.
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
        print_json(_document(report) | {"images": len(target), "seconds": round(seconds, 2)})
    else:
        _print_report(report, len(target), seconds)
    if strict and (report.unreadable or report.passed_over.unwanted):
        raise SystemExit(1)


def _document(report: IndexReport) -> dict[str, Any]:
    return {
        "added": report.added,
        "reused": report.reused,
        "unchanged": report.unchanged,
        "missing": report.missing,
        "unreadable": len(report.unreadable),
        "unreadable_files": report.unreadable,
        "passed_over": report.passed_over.counts,
    }


def _print_report(report: IndexReport, images: int, seconds: float) -> None:
    show(
        f"{report.added:,} added, {report.reused:,} known by content, "
        f"{report.unchanged:,} unchanged, {report.missing:,} missing, "
        f"{len(report.unreadable):,} unreadable; {images:,} images in total"
    )
    done = report.added + report.reused
    if done:
        note(f"{seconds:.1f} s, {done / seconds:,.0f} images/s")
    notes(report.passed_over.lines())
    if report.missing:
        note(
            f"{report.missing:,} images are missing: kept, but not found until they are seen "
            "again; see `hashlens info` and `hashlens prune`"
        )
    report_failures(report.unreadable, "hashlens info --failures")
