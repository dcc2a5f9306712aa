"""Run variants of methods on CIFAR-100: what ablation.py and unseen.py have in common.

Runs resume like those of the benchmark. No variant is chosen: all are reported.
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
    Features,
    Results,
    Settings,
    curves,
    document,
    run_benchmark,
    write_report,
)
from hashlens.benchmark.method_presets import MethodPreset


def parse(description: str, bits: Sequence[int], seeds: int) -> argparse.Namespace:
    """Return the options of a study, with its own default lengths and seeds."""
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
    features = Features.from_described(data, "cifar100")
    settings = Settings(
        bits=options.bits,
        protocols=options.protocols,
        seeds=options.seeds,
        budget=Budget(candidates=1),
    )
    results = run_benchmark(features, settings, options.out, presets=variants, on_progress=say)
    command = shlex.join(["python", *sys.argv])
    found = document(results, features, settings, command)
    for path in write_report(found, curves(results), options.out, plots=False):
        print(path)
    return results


def say(step: str, done: int, total: int) -> None:
    print(f"{done}/{total} {step}", file=sys.stderr, flush=True)
