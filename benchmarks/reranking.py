"""What re-ranking the nearest codes by their descriptors (equation 1) gains or loses.

    python benchmarks/reranking.py --data DIR --out benchmarks/results/reranking.json

DIR holds CIFAR-100 as parquet files in the public hub's layout.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from cifar import described
from reranking_measure import SearchSide, evaluate_reranked

from hashlens.benchmark import Features
from hashlens.benchmark.context import commit, machine
from hashlens.benchmark.markdown import facts
from hashlens.benchmark.method_presets import MethodPreset, choose_presets
from hashlens.benchmark.selection import make_hasher
from hashlens.datasets.protocols import make_split
from hashlens.evaluation import evaluate_codes
from hashlens.evaluation.retrieval import TiedMean
from hashlens.files.versioned_json import write_json


def measure(
    preset: MethodPreset, bits: int, protocol: str, features: Features, candidates: list[int]
) -> list[dict[str, Any]]:
    """Return the precision of a method by code alone, and with candidates re-ranked."""
    split = make_split(protocol, features.train_labels, features.test_labels)
    hasher = make_hasher(preset, bits, {}, 0)
    hasher.fit(features.train_vectors[split.fit], features.train_labels[split.fit])
    asked, held = features.test_vectors[split.query], features.train_vectors[split.database]
    queries = SearchSide(hasher.transform(asked), asked, features.test_labels[split.query])
    database = SearchSide(hasher.transform(held), held, features.train_labels[split.database])
    plain = evaluate_codes(queries.codes, queries.labels, database.codes, database.labels, bits)
    shared = {"method": preset.label, "bits": bits, "protocol": protocol}
    rows = [{**shared, "candidates": None, "compared": 0.0, **shares(plain.precision)}]
    for count in candidates:
        found = evaluate_reranked(queries, database, bits, count)
        rows.append(
            {**shared, "candidates": count, "compared": found.candidates,
             **shares(found.precision)}
        )  # fmt: skip
    return rows


def shares(precision: TiedMean) -> dict[str, float]:
    """Return expectation and bounds over the orders of ties."""
    return {
        "precision_at_5": precision.expected,
        "precision_at_5_low": precision.low,
        "precision_at_5_high": precision.high,
    }


def page(document: dict[str, Any]) -> str:
    """Return the document as Markdown, with a line per method, length and protocol."""
    rows = document["rows"]
    candidates = sorted({row["candidates"] for row in rows if row["candidates"] is not None})
    lines = [
        "# Re-ranking by descriptors",
        "",
        "Precision at 5 in %; in brackets, descriptors compared per query, ties included.",
        "",
        "| method | bits | protocol | by code | "
        + " | ".join(f"best {count} re-ranked" for count in candidates) + " |",
        "| --- | ---: | --- | ---: |" + " ---: |" * len(candidates),
    ]  # fmt: skip
    for key in dict.fromkeys((r["method"], r["bits"], r["protocol"]) for r in rows):
        here = [r for r in rows if (r["method"], r["bits"], r["protocol"]) == key]
        cells = [f"{100 * here[0]['precision_at_5']:.1f}"]
        cells += [f"{100 * r['precision_at_5']:.1f} ({r['compared']:.0f})" for r in here[1:]]
        lines.append(f"| `{key[0]}` | {key[1]} | {key[2]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + facts(document["context"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--methods", default="pca-rr,itq,autoencoder")
    parser.add_argument("--bits", type=int, nargs="+", default=[32, 48, 64, 128])
    parser.add_argument("--protocols", nargs="+", default=["standard", "unseen"])
    parser.add_argument("--candidates", type=int, nargs="+", default=[10, 50, 200, 1000])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    _, data = described(arguments.data, arguments.cache)
    features = Features.from_described(data, "cifar100")
    rows: list[dict[str, Any]] = []
    for protocol in arguments.protocols:
        for preset in choose_presets(arguments.methods.split(",")):
            if protocol not in preset.protocols or preset.preset == "paper":
                continue  # its fits take minutes
            for bits in arguments.bits:
                print(f"{protocol} {preset.label} {bits} bits", file=sys.stderr, flush=True)
                rows += measure(preset, bits, protocol, features, arguments.candidates)
    context = {
        "descriptor": dict(features.descriptor),
        "figure": "expected precision at 5; candidates include all ties of the last",
        "seeds": "0 of the methods, 0 of the split of classes",
        "parameters": "the defaults, not tuned",
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "machine": machine(),
    }
    document = {"rows": rows, "context": context}
    write_json(arguments.out, document, indent=1)
    arguments.out.with_suffix(".md").write_text(page(document), encoding="utf-8")


if __name__ == "__main__":
    main()
