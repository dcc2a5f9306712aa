"""Measure how codes react to changes of color, texture, compression and framing.

    python benchmarks/invariance.py --data DIR --out benchmarks/results/invariance.json

DIR holds CIFAR-100 as parquet files in the public hub's layout. Descriptors of the database come
from the cache if they are there. Queries are test images, changed at their own 32 pixels.
"""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cifar import described
from invariance_measure import Reference, measure_invariance
from PIL import Image

from hashlens.benchmark import Features
from hashlens.benchmark.context import commit, machine
from hashlens.benchmark.markdown import facts
from hashlens.benchmark.method_presets import choose_presets
from hashlens.benchmark.selection import make_hasher
from hashlens.descriptors import load_descriptor
from hashlens.files.versioned_json import write_json
from hashlens.images import fit_pixels

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--methods", default="itq,autoencoder")
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    descriptor = load_descriptor("default")
    dataset, data = described(arguments.data, arguments.cache, descriptor)
    features = Features.from_described(data, "cifar100")

    def describe(images: Sequence[Image.Image]) -> np.ndarray:
        fit = descriptor.spec.image_fit
        pixels = [fit_pixels(np.asarray(image), fit) for image in images]
        return np.concatenate(
            [
                descriptor.describe(np.stack(pixels[i : i + BATCH]))
                for i in range(0, len(pixels), BATCH)
            ]
        )

    references = {}
    for preset in choose_presets(arguments.methods.split(",")):
        if preset.preset == "paper":
            continue  # its fits take minutes
        say(f"fit {preset.label}")
        hasher = make_hasher(preset, arguments.bits, {}, arguments.seed)
        hasher.fit(features.train_vectors, features.train_labels)
        codes = hasher.transform(features.train_vectors)
        references[preset.label] = Reference(hasher, codes, features.train_labels)

    rng = np.random.default_rng(arguments.seed)
    chosen = np.sort(rng.choice(len(dataset.test), arguments.queries, replace=False))
    images = [Image.open(io.BytesIO(dataset.test.read(i))).convert("RGB") for i in chosen]
    rows = measure_invariance(
        images, dataset.test.labels[chosen], describe, references, seed=arguments.seed, listen=say
    )
    document = {"rows": rows, "context": context(arguments, features.descriptor)}
    write_json(arguments.out, document, indent=1)
    arguments.out.with_suffix(".md").write_text(page(document), encoding="utf-8")


def context(arguments: argparse.Namespace, descriptor: Any) -> dict[str, Any]:
    return {
        "descriptor": dict(descriptor),
        "queries": f"{arguments.queries} test images, seed {arguments.seed}, changed at 32 pixels",
        "database": "the 50,000 training images, unchanged; methods were trained on them",
        "parameters": "the defaults, not tuned; seed 0 of the methods",
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "machine": machine(),
    }


def page(document: dict[str, Any]) -> str:
    """Return the document as Markdown."""
    return table(document["rows"]) + "\n" + facts(document["context"])


def table(rows: list[dict[str, Any]]) -> str:
    """Return flipped bits and precision at 5 of every method at every grade."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines = [
        "# What codes do when an image's looks change",
        "",
        "| change | grade | "
        + " | ".join(f"`{m}` bits flipped, % | `{m}` precision at 5, %" for m in methods) + " |",
        "| --- | ---: |" + " ---: | ---: |" * len(methods),
    ]  # fmt: skip
    for change, grade in dict.fromkeys((row["change"], row["grade"]) for row in rows):
        here = {r["method"]: r for r in rows if (r["change"], r["grade"]) == (change, grade)}
        cells = [
            f"{100 * here[m]['distance']:.1f} | {100 * here[m]['precision_at_5']:.1f}"
            for m in methods
        ]
        lines.append(f"| {change} | {'' if grade is None else grade} | " + " | ".join(cells) + " |")
    lines.append("")
    lines += [
        f"Bits in which `{row['method']}` codes differ: "
        f"{100 * row['distance_same_class']:.1f} % between two images of a class, "
        f"{100 * row['distance_other_class']:.1f} % between images of two classes.\n"
        for row in rows
        if row["change"] == "none"
    ]
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
