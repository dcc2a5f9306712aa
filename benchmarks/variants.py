"""Run variants of methods on CIFAR-100: what the studies of single parts have in common.

Resumable, like the benchmark that it uses. Nothing is chosen here: all variants are reported.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from cifar import described

from hashlens.benchmark import (
    Budget,
    Progress,
    Results,
    Settings,
    run_benchmark,
    write_report,
)
from hashlens.benchmark.data import features_of
from hashlens.benchmark.methods import MethodPreset


def parse(description: str, bits: Sequence[int], seeds: int) -> argparse.Namespace:
    """Return the options of a study, with its own defaults of lengths and seeds."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-100 as parquet files")
    parser.add_argument("--bits", type=int, nargs="+", default=list(bits))
    parser.add_argument("--protocols", nargs="+", default=["standard", "unseen"])
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def run(variants: Sequence[MethodPreset], options: argparse.Namespace) -> Results:
    """Fit and measure every variant, and write the tables."""
    _, data = described(options.data, options.cache)
    features = features_of(data, "cifar100")
    settings = Settings(
        bits=options.bits,
        protocols=options.protocols,
        seeds=options.seeds,
        budget=Budget(candidates=1),
    )
    results = run_benchmark(features, settings, options.out, say, presets=variants)
    command = shlex.join(["python", *sys.argv])
    for path in write_report(results, features, settings, options.out, command, plots=False):
        print(path)
    return results


def say(progress: Progress) -> None:
    print(f"{progress.done}/{progress.total} {progress.step}", file=sys.stderr, flush=True)
