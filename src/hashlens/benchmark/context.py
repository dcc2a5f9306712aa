"""The facts that a table needs beside it: machine, versions, commit, how figures were made."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hashlens.report.machine import machine

__all__ = ["METRIC", "TIES", "TRIALS", "commit", "machine"]

METRIC = (
    "precision_at_5 is the share of the five nearest images that have the query's label, averaged "
    "over queries; map is the average precision of the whole ranking, averaged over queries"
)
TIES = (
    "items at the same distance are in random order, and each figure is the exact expectation over "
    "these orders; _low and _high are the worst and the best order (average precision after He et "
    "al. 2018)"
)
TRIALS = (
    "Every method starts from the defaults of its source, except codebook and the autoencoder's "
    "presets default and general: theirs were found by further trials on parts of CIFAR-100's "
    "training images"
)
_SOURCES = (":/", ":(exclude,top)benchmarks/results")
"""The files of a repository that results depend on, as git pathspecs."""


def commit(folder: Path | None = None) -> str | None:
    """Return the commit of the running code, marked if files differ from it; None outside of git.

    Changed results don't count: they are what a benchmark writes.
    """
    where = folder or Path(__file__).parent
    try:
        name = _git(where, "rev-parse", "--short=12", "HEAD")
        changed = _git(where, "status", "--porcelain", "--untracked-files=no", "--", *_SOURCES)
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{name} with local changes" if changed else name


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
