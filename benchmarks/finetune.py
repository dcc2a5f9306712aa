"""What fine-tuning buys: precision at 5 against training time, by length and protocol.

    python benchmarks/finetune.py --data DIR [--minutes 150] [--out FILE]

DIR holds CIFAR-100 as parquet files in the public hub's layout. For each protocol the network is
tuned once, under a code of 64 bits; for the other lengths a head is trained on the tuned network.
For comparison, heads are also trained on the network as it comes. Rows are measured in order of
importance until the minutes are over. After an interruption, the same command resumes: rows are
kept, and a training goes on from its last epoch. FILE holds the rows; a page and a figure are
written beside it when the command ends.

A row's ``commit`` is the one that tuned its network. ``train_minutes`` counts all epochs that a row
needed, those of the network among them. Vectors and activations are computed in advance, once for
all rows.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import shutil
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cifar import described
from finetune_report import write_report

from hashlens.benchmark.context import commit, machine
from hashlens.cli.console import progress_bar
from hashlens.cli.figures import print_epoch
from hashlens.datasets.opening import load_dataset
from hashlens.descriptors import load_descriptor
from hashlens.files.cache_folder import cache_folder
from hashlens.files.versioned_json import write_json
from hashlens.hashers import create_hasher
from hashlens.model.loading import load_model
from hashlens.model.model import Model
from hashlens.training import train_model
from hashlens.training.finetune.run import finetune
from hashlens.training.finetune.tunable import TUNING
from hashlens.training.finetune.tuning_options import TuningOptions, Workplace
from hashlens.training.listener import Listener

METHOD = "codebook"
PROTOCOLS = ("standard", "heldout", "unseen")
TUNED_BITS = 64
BITS = (TUNED_BITS, 32, 48, 128)
OPTIONS = TuningOptions(blocks=8)
TUNED = {
    "bits": TUNED_BITS,
    "hidden": 0,
    "blocks": OPTIONS.blocks,
    "crops": OPTIONS.crops,
    **asdict(OPTIONS.regularization),
}
"""What distinguishes one tuning of a network from another, besides its epochs."""
KEYS = ("tune", "bits", "protocol", "seed", "tuned_epochs", "network")


def planned(seed: int, epochs: int) -> list[dict[str, Any]]:
    """Return the rows to be measured."""
    return [
        {
            "tune": tune,
            "bits": bits,
            "protocol": protocol,
            "seed": seed,
            "tuned_epochs": epochs if tune == "last" else 0,
            "network": TUNED if tune == "last" else "as it comes",
        }
        for tune in ("last", "head")
        for protocol in PROTOCOLS
        for bits in BITS
    ]


def measured(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the measured form of a planned row, or None."""
    return next((old for old in rows if all(old[key] == row[key] for key in KEYS)), None)


def tuned(protocol: str, arguments: argparse.Namespace, cache: Path) -> Model:
    """Return the model whose network is tuned under a protocol, and tune it if there is none yet.

    It is kept, because describing the images with it takes long and may be interrupted, too.
    """
    digest = hashlib.sha256(json.dumps(TUNED).encode()).hexdigest()[:8]
    name = f"{protocol}-{arguments.seed}-{arguments.epochs}-{digest}"
    folder = cache / "finetune-benchmark" / name
    if not folder.exists():
        begun = commit()
        schedule = {"epochs": arguments.epochs}
        hasher = create_hasher(
            METHOD,
            TUNED_BITS,
            hidden=TUNED["hidden"],
            schedule=schedule,
            random_state=arguments.seed,
        )
        work = folder.with_name(f"{folder.name}-work")
        with progress_bar("images") as move:
            model = finetune(
                load_dataset("cifar100", arguments.data),
                load_descriptor("default"),
                hasher,
                replace(OPTIONS, protocol=protocol, seed=arguments.seed),
                Workplace(work, cache),
                Listener(on_progress=move, on_epoch=print_epoch),
            )
        model.training = replace(
            model.training, details={**model.training.details, "commit": begun}
        )
        model.save(folder)
        shutil.rmtree(work)
    return load_model(folder)


def measure(row: dict[str, Any], arguments: argparse.Namespace, cache: Path) -> dict[str, Any]:
    """Train and evaluate one row."""
    network = tuned(row["protocol"], arguments, cache) if row["tune"] == "last" else None
    descriptor = network.load_descriptor() if network else load_descriptor("default")
    _, data = described(arguments.data, cache, descriptor)
    if network and row["bits"] == TUNED_BITS:
        model, before = network, 0.0
    else:
        hasher = create_hasher(METHOD, row["bits"], random_state=row["seed"])
        model = train_model(data, hasher, row["protocol"], on_epoch=print_epoch)
        before = network.training.seconds if network else 0.0
    figures = model.evaluate(data, row["protocol"])
    return {
        **row,
        "method": METHOD,
        "precision_at_5": figures["precision_at_5"],
        "precision_at_5_low": figures["precision_at_5_low"],
        "precision_at_5_high": figures["precision_at_5_high"],
        "map": figures["map"],
        "train_minutes": (before + model.training.seconds) / 60,
        "curve": [
            {
                "minutes": (before + epoch["seconds"]) / 60,
                "validation_precision_at_5": epoch["precision_at_5"],
            }
            for epoch in model.training.epochs
        ],
        "commit": network.training.details["commit"] if network else commit(),
        "machine": machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/finetune.json"))
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--epochs", type=int, default=TUNING.epochs, help="epochs of tuning a network"
    )
    parser.add_argument("--minutes", type=float, default=150, help="start no row after this time")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    command = shlex.join(["python", *sys.argv])
    began = time.monotonic()
    rows = json.loads(arguments.out.read_text())["rows"] if arguments.out.exists() else []
    reported = []
    for row in planned(arguments.seed, arguments.epochs):
        known = measured(row, rows)
        if known is None and time.monotonic() - began < 60 * arguments.minutes:
            known = measure(row, arguments, cache_folder(arguments.cache))
            rows.append(known)
            write_json(arguments.out, {"rows": rows, "context": {"command": command}}, indent=1)
            print(
                {key: known[key] for key in (*KEYS, "precision_at_5", "train_minutes")}, flush=True
            )
        if known is not None:
            reported.append(known)
    if reported:
        write_report(reported, arguments.out.with_suffix(".md"))


if __name__ == "__main__":
    main()
