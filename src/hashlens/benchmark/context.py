"""What must stand beside a table: machine, versions, commit, and how every figure was made."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

METRIC = (
    "top5 is precision at 5: the share of the query's label among the five nearest, mean over "
    "queries; map is the average precision of the whole ranking, mean over queries"
)
TIES = (
    "items at one distance are in random order and the figure is its exact expectation; _low and "
    "_high are the worst and the best order (average precision after He et al. 2018)"
)
PACKAGES = ("hashlens", "numpy", "scipy", "scikit-learn", "torch", "onnxruntime")


def machine() -> dict[str, Any]:
    """Return processor, cores, memory in GiB, system and versions, for the table's context."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def commit(folder: Path | None = None) -> str | None:
    """Return the commit of the source tree that runs, marked if files differ; None without one."""
    where = folder or Path(__file__).parent
    try:
        name = _git(where, "rev-parse", "--short=12", "HEAD")
        changed = _git(where, "status", "--porcelain", "--untracked-files=no", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{name} with local changes" if changed else name


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """Return the processor's name; Linux tells it only in a file."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
