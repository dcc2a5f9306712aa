"""What fine-tuning buys: top-5 against training time, by length and protocol.

    python benchmarks/finetune.py --data DIR [--minutes 150] [--out FILE]

DIR holds CIFAR-100 as parquet files in the public hub's layout. Rows are measured in the order of
their worth, the 64-bit code under the standard protocol first, until the minutes are over. Stopped
at any moment, the same command goes on: rows that are there are kept, and a training that was
interrupted is resumed from its last epoch.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

from cifar import described

from hashlens.benchmark.context import commit, machine
from hashlens.benchmark.files import read_json, write_json
from hashlens.cli.console import progress_bar
from hashlens.cli.options import cache_folder
from hashlens.cli.training import print_epoch
from hashlens.descriptors import load_descriptor
from hashlens.hashers import create_hasher
from hashlens.images.datasets import load_dataset
from hashlens.training import evaluate_encoder, train_encoder
from hashlens.training.finetune import TuningOptions, Workplace, finetune

METHOD = "codebook"
PROTOCOLS = ("standard", "heldout", "unseen")
BITS = (64, 32, 48, 128)
KEYS = ("tune", "bits", "protocol", "seed")


def planned(seed: int) -> list[dict[str, Any]]:
    """Return the rows to be measured: heads, which take minutes, then tuned networks."""
    found = []
    for tune in ("head", "last"):
        grid = [(64, protocol) for protocol in PROTOCOLS]
        grid += [(bits, protocol) for bits in BITS[1:] for protocol in PROTOCOLS]
        for bits, protocol in grid:
            found.append({"tune": tune, "bits": bits, "protocol": protocol, "seed": seed})
    return found


def measure(row: dict[str, Any], arguments: argparse.Namespace, cache: Path) -> dict[str, Any]:
    """Train and evaluate one row."""
    dataset = load_dataset("cifar100", arguments.data)
    descriptor = load_descriptor("default")
    schedule = {"epochs": arguments.epochs} if row["tune"] == "last" and arguments.epochs else None
    hasher = create_hasher(METHOD, row["bits"], random_state=row["seed"], schedule=schedule)
    began = time.monotonic()
    if row["tune"] == "head":
        _, data = described(arguments.data, cache, descriptor)
        encoder = train_encoder(data, hasher, row["protocol"], on_epoch=print_epoch)
        wall = time.monotonic() - began
    else:
        name = "-".join(str(row[key]) for key in KEYS)
        work = cache / "finetune-benchmark" / name
        options = TuningOptions(protocol=row["protocol"], seed=row["seed"])
        place = Workplace(work, cache)
        with progress_bar("images") as move:
            encoder = finetune(dataset, descriptor, hasher, options, place, move, print_epoch)
        wall = time.monotonic() - began
        _, data = described(arguments.data, cache, encoder.load_descriptor())
        shutil.rmtree(work)
    figures = evaluate_encoder(encoder, data, row["protocol"])
    epochs = encoder.training["epochs"]
    return {
        **row,
        "method": METHOD,
        "top5": figures["top5"],
        "top5_low": figures["top5_low"],
        "top5_high": figures["top5_high"],
        "map": figures["map"],
        "train_minutes": encoder.training["seconds"] / 60,
        "with_activations_minutes": wall / 60,
        "curve": [
            {"minutes": epoch["seconds"] / 60, "validation_top5": epoch["top5"]} for epoch in epochs
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/finetune.json"))
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--epochs", type=int, help="most epochs of --tune last")
    parser.add_argument("--minutes", type=float, default=150, help="begin no row after so many")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    rows = read_json(arguments.out)["rows"] if arguments.out.exists() else []
    for row in planned(arguments.seed):
        if any(all(known[key] == row[key] for key in KEYS) for known in rows):
            continue
        if time.monotonic() - began > 60 * arguments.minutes:
            break
        rows.append(measure(row, arguments, cache_folder(arguments.cache)))
        write_json(arguments.out, {"rows": rows, "context": {**machine(), "commit": commit()}})
        print({key: rows[-1][key] for key in (*KEYS, "top5", "train_minutes")}, flush=True)


if __name__ == "__main__":
    main()
