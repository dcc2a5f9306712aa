"""What each part of the proposed method is worth: every term and layer, switched one at a time.

    python benchmarks/ablation.py --data DIR --out benchmarks/results/ablation

DIR holds CIFAR-100 as parquet files in the public hub's layout. Resumable, like the benchmark that
it uses. Nothing is chosen here: all variants are reported.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from hashlens.benchmark import Budget, Progress, Settings, run_benchmark, write_report
from hashlens.benchmark.data import features_of
from hashlens.benchmark.methods import MethodPreset
from hashlens.cli.options import cache_folder
from hashlens.descriptors import load_descriptor
from hashlens.images.datasets import load_dataset
from hashlens.training import describe_dataset

TERMS: dict[str, dict[str, Any]] = {
    "no-reconstruction": {"reconstruction": 0.0},
    "no-quantisation": {"quantisation": 0.0},
    "labels-alone": {"reconstruction": 0.0, "quantisation": 0.0},
    "no-labels": {"nll": 0.0},
    "with-l1": {"penalty": 1e-6, "p": 1},
    "with-l2": {"penalty": 1e-5, "p": 2},
    "with-balance": {"balance": 1.0},
    "with-decorrelation": {"decorrelation": 1.0},
}
"""Changes of the default preset's loss: a term left out, or one that it lacks added by itself."""

RECONSTRUCTION = (0.003, 0.01, 0.03, 0.1)
"""Weights of the reconstruction beyond the default's: the trade-off of seen and unseen classes."""

LAYERS: dict[str, dict[str, Any]] = {
    "linear-head": {"head": "linear"},
    "no-batch-norm": {"batch_norm": False},
    "joined-trunk": {"join_trunk": True},
    "256-units": {"descriptor_units": 256},
    "4096-units": {"descriptor_units": 4096},
}
"""Changes of the default preset's layers."""

PAPER: dict[str, dict[str, Any]] = {
    "paper": {},
    "paper-no-reconstruction": {"terms": {"reconstruction": 0.0}},
    "paper-no-labels": {"terms": {"nll": 0.0}},
    "paper-no-trunk": {"architecture": {"join_trunk": False}},
    "paper-untied": {"architecture": {"tied": False}},
}
"""Changes of the preset that follows the paper to the letter."""


def variants() -> list[MethodPreset]:
    """Return the proposed method whole, then without or with each part, then with no layer."""
    found = [MethodPreset("autoencoder", "default", {})]
    found += [MethodPreset("autoencoder", name, {"terms": terms}) for name, terms in TERMS.items()]
    found += [
        MethodPreset(
            "autoencoder", f"reconstruction-{weight}", {"terms": {"reconstruction": weight}}
        )
        for weight in RECONSTRUCTION
    ]
    found += [
        MethodPreset("autoencoder", name, {"architecture": layers})
        for name, layers in LAYERS.items()
    ]
    found += [
        MethodPreset("autoencoder", name, {"preset": "paper", **changes})
        for name, changes in PAPER.items()
    ]
    # A sigmoid code straight on the trunk's features: the descriptor layer left out.
    found.append(MethodPreset("dlbhc", "no-descriptor-layer", {}))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bits", type=int, nargs="+", default=[64])
    parser.add_argument("--protocols", nargs="+", default=["standard", "unseen"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    descriptor = load_descriptor("default")
    described = describe_dataset(
        load_dataset("cifar100", arguments.data), descriptor, cache_folder(arguments.cache)
    )
    features = features_of(described, "cifar100")
    settings = Settings(
        bits=arguments.bits,
        protocols=arguments.protocols,
        seeds=arguments.seeds,
        budget=Budget(candidates=1),
    )
    results = run_benchmark(features, settings, arguments.out, say, presets=variants())
    command = shlex.join(["python", *sys.argv])
    for path in write_report(results, features, settings, arguments.out, command, plots=False):
        print(path)


def say(progress: Progress) -> None:
    print(f"{progress.done}/{progress.total} {progress.step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
