"""What must stand beside a table: machine, versions, commit, and how every figure was made."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hashlens.report.machine import machine

__all__ = ["METRIC", "TIES", "TRIALS", "commit", "machine"]

METRIC = (
    "precision_at_5 is the share of the query's label among the five nearest, mean over queries; "
    "map is the average precision of the whole ranking, mean over queries"
)
TIES = (
    "items at one distance are in random order and the figure is its exact expectation; _low and "
    "_high are the worst and the best order (average precision after He et al. 2018)"
)
TRIALS = (
    "The defaults that every method begins from are its source's, but for codebook and the presets "
    "default and general of the autoencoder, which were found by more trials, on parts of the "
    "training images of CIFAR-100"
)
_SOURCES = (":/", ":(exclude,top)benchmarks/results")
"""What of a repository decides a result, as git's path specifications."""


def commit(folder: Path | None = None) -> str | None:
    """Return the commit of the repository that runs, marked if files differ; None without one.

    Results may differ: they are what is being made.
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
