"""The time of Euclidean distance in 4096 dimensions against Hamming distance of 128-bit codes.

The paper states 109.767 ms against 0.113 ms, a ratio of 971, but not whether a pair or a query is
timed, nor with what code. Both are timed here, from plain Python to the fastest libraries:

    python benchmarks/distance_speed.py --out benchmarks/results/distance-speed.json

Each figure is the median of repeated calls. Values are random: no distance depends on them.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from hashlens.benchmark.context import commit, machine
from hashlens.benchmark.markdown import facts
from hashlens.files.versioned_json import write_json
from hashlens.indexes import LinearIndex

BATCH = 100
"""Number of queries per batch."""


def seconds(call: Callable[[], object], budget: float = 2.0) -> float:
    """Return the median time of ``call`` over at least 5 calls and about ``budget`` seconds."""
    call()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - began < budget and len(times) < 10_000):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def pair_times(vectors: np.ndarray, codes: np.ndarray) -> list[dict[str, Any]]:
    """Time a single distance between two items, including the call."""
    a, b = vectors[0], vectors[1]
    list_a, list_b = a.tolist(), b.tolist()
    int_a, int_b = (int.from_bytes(code.tobytes(), "big") for code in codes[:2])
    words = codes.view(np.uint64)
    return [
        row("pair", "euclidean", "plain Python loop",
            seconds(lambda: sum((x - y) ** 2 for x, y in zip(list_a, list_b, strict=True)) ** 0.5)),
        row("pair", "euclidean", "numpy", seconds(lambda: np.linalg.norm(a - b))),
        row("pair", "hamming", "plain Python bits of 128",
            seconds(lambda: sum((int_a >> i ^ int_b >> i) & 1 for i in range(128)))),
        row("pair", "hamming", "Python int.bit_count",
            seconds(lambda: (int_a ^ int_b).bit_count())),
        row("pair", "hamming", "numpy",
            seconds(lambda: np.bitwise_count(words[0] ^ words[1]).sum())),
    ]  # fmt: skip


def scan_times(vectors: np.ndarray, codes: np.ndarray, threads: int) -> list[dict[str, Any]]:
    """Time a search for the 5 nearest items, per query, alone and in a batch."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    flat = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    binary = faiss.IndexBinaryFlat(8 * codes.shape[1])
    binary.add(codes)
    index = LinearIndex(8 * codes.shape[1])
    index.add(codes)
    words = codes.view(np.uint64)

    def nearest(distances: np.ndarray) -> np.ndarray:
        return np.argpartition(distances, 5, axis=-1)[..., :5]

    def euclidean_naive(queries: np.ndarray) -> list[np.ndarray]:
        return [nearest(np.linalg.norm(vectors - query, axis=1)) for query in queries]

    def euclidean_blas(queries: np.ndarray) -> np.ndarray:
        return nearest(squares - 2 * (queries @ vectors.T))

    def hamming_numpy(queries: np.ndarray) -> list[np.ndarray]:
        return [
            nearest(np.bitwise_count(words ^ query).sum(axis=1, dtype=np.uint8))
            for query in queries.view(np.uint64)
        ]

    methods: list[tuple[str, str, np.ndarray, Callable[[np.ndarray], object], int]] = [
        ("euclidean", "numpy, a difference for each item", vectors, euclidean_naive, 1),
        ("euclidean", "BLAS, ‖x‖² − 2xy", vectors, euclidean_blas, BATCH),
        ("euclidean", "faiss IndexFlatL2", vectors, lambda q: flat.search(q, 5), BATCH),
        ("hamming", "numpy", codes, hamming_numpy, BATCH),
        ("hamming", "faiss IndexBinaryFlat", codes, lambda q: binary.search(q, 5), BATCH),
        ("hamming", "hashlens LinearIndex", codes, lambda q: index.search(q, 5), BATCH),
    ]
    rows = []
    os.environ["HASHLENS_THREADS"] = str(threads)
    with threadpool_limits(threads):
        faiss.omp_set_num_threads(threads)
        for metric, name, items, search, batch in methods:
            for size in sorted({1, batch}):
                queries = np.ascontiguousarray(items[:size])
                took = seconds(lambda s=search, q=queries: s(q)) / size
                rows.append({**row("query", metric, name, took), "batch": size, "threads": threads})
    return rows


def row(unit: str, metric: str, name: str, took: float) -> dict[str, Any]:
    return {"unit": unit, "metric": metric, "implementation": name, "milliseconds": 1e3 * took}


def best_ratio(rows: list[dict[str, Any]], unit: str, **which: int) -> float:
    """Return the fastest Euclidean time over the fastest Hamming time of a unit."""
    here = [r for r in rows if r["unit"] == unit and all(r.get(k) == v for k, v in which.items())]
    fastest = {
        metric: min(r["milliseconds"] for r in here if r["metric"] == metric)
        for metric in ("euclidean", "hamming")
    }
    return fastest["euclidean"] / fastest["hamming"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=50_000)
    parser.add_argument("--dimension", type=int, default=4096)
    parser.add_argument("--bits", type=int, default=128)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    vectors = rng.random((arguments.items, arguments.dimension), dtype=np.float32)
    codes = rng.integers(0, 256, (arguments.items, arguments.bits // 8), dtype=np.uint8)
    found = machine()
    rows = pair_times(vectors, codes)
    for threads in sorted({1, found["cores"]}):
        rows += scan_times(vectors, codes, threads)
    ratios = {"pair": best_ratio(rows, "pair")}
    for threads in sorted({1, found["cores"]}):
        for size in (1, BATCH):
            ratios[f"query, {threads} threads, batches of {size}"] = best_ratio(
                rows, "query", threads=threads, batch=size
            )
    context = {
        "items": arguments.items,
        "dimension": arguments.dimension,
        "bits": arguments.bits,
        "figure": "median over calls; a batch's time is divided by its queries",
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "machine": found,
    }
    write_json(
        arguments.out,
        {
            "rows": rows,
            "ratios_fastest_to_fastest": ratios,
            "quoted_from_the_paper": {"euclidean_ms": 109.767, "hamming_ms": 0.113, "ratio": 971},
            "context": context,
        },
        indent=1,
    )
    page = table(rows, ratios, arguments) + "\n" + facts(context)
    arguments.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)


def table(rows: list[dict[str, Any]], ratios: dict[str, float], size: argparse.Namespace) -> str:
    """Return the figures as Markdown, followed by the ratios of the fastest ones."""
    lines = [
        f"# Euclidean distance in {size.dimension} dimensions against Hamming distance in "
        f"{size.bits} bits",
        "",
        f"A pair: one distance. A query: the 5 nearest of {size.items:,} items.",
        "",
        "| unit | distance | implementation | threads | batch | ms |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {r['unit']} | {r['metric']} | {r['implementation']} | {r.get('threads', '')} | "
        f"{r.get('batch', '')} | {r['milliseconds']:.4g} |"
        for r in rows
    ]
    lines += ["", "Time of the fastest Euclidean over that of the fastest Hamming:", ""]
    lines += [f"- {name}: {ratio:.0f}" for name, ratio in ratios.items()]
    lines += ["", "The paper prints 109.767 ms and 0.113 ms, a ratio of 971 (quoted)."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
