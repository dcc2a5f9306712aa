"""The parts of the search benchmark on codes of a trained model, or a surrogate of them."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import search_data as data
import search_peers as peers
from search_timing import K, alternate_times, next_of, note, quantiles, single_times

from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex

SERVE = """
import sys, time
import numpy as np
from hashlens.indexes import MultiIndex
start = time.perf_counter()
index = MultiIndex.load(sys.argv[1])
opened = time.perf_counter() - start
queries = np.load(sys.argv[2])
for q in range(len(queries)):
    index.search(queries[q : q + 1], 10)
index.search_checked(queries[:1], 10, index.bits, budget=0.0)
status = open("/proc/self/status").read()
print(opened, int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""


class Clumped:
    """The codes of a trained model, or their surrogate, and what is resampled from them."""

    def __init__(self, args):
        if args.codes:
            self.real, self.queries = np.load(args.codes), np.load(args.queries)
            self.labels = np.load(args.labels)
            self.name = "codes of a trained model"
        else:
            self.real, self.labels, self.queries = data.surrogate()
            self.name = "surrogate codes"
        self.bits = 8 * self.real.shape[1]
        self.rate = data.same_class_rate(self.real, self.labels)
        self.work = Path(args.work)

    def about(self):
        """Return what the report says of the codes."""
        return {
            "codes": self.name,
            "bits": self.bits,
            "real": len(self.real),
            "distinct": len(np.unique(self.real, axis=0)),
            "flip_rate": self.rate,
        }

    def of_size(self, n):
        """Return n codes: the real ones, or resampled ones that are mapped into memory."""
        if n == len(self.real):
            return self.real
        return data.resample(
            self.real, n, self.rate, self.work / f"clumped-{n}-{self.bits}-{self.rate:.4f}.npy"
        )

    def some_queries(self, count):
        """Return queries that are spread evenly over all."""
        return np.ascontiguousarray(self.queries[:: max(len(self.queries) // count, 1)][:count])


def part_trained(args):
    """One query at a time, asked with codes of images that are not in the collection."""
    clumped = Clumped(args)
    rows = [_trained_row(clumped, n, args.queries_count) for n in (50_000, 1_000_000, 10_000_000)]
    return {"unit": "µs per query", "about": clumped.about(), "rows": rows}


def _trained_row(clumped, n, count, save_to=None):
    queries, codes = clumped.some_queries(count), clumped.of_size(n)
    start = time.perf_counter()
    index = MultiIndex.from_codes(codes)
    row = {"n": n, "build_s": time.perf_counter() - start}
    row["bytes_per_code"] = index.nbytes / n
    row["distinct"] = index.unique
    linear, flat = LinearIndex.from_codes(np.ascontiguousarray(codes)), peers.flat(codes)
    few = min(40 if n <= 10_000_000 else 10, count)
    exact, scanned = index.search(queries, K), linear.search(queries[:few], K)
    np.testing.assert_array_equal(scanned.ids, exact.ids[:few])
    np.testing.assert_array_equal(flat(queries[:few], K)[0], exact.distances[:few])
    times = single_times(
        {
            "hashlens": (index.search, queries),
            "hashlens scan": (linear.search, queries[:few]),
            "faiss flat": (flat, queries[: few // 2]),
        }
    )
    row |= {name: quantiles(seconds) for name, seconds in times.items()}
    row["kth"] = quantiles(exact.distances[:, -1] / 1e6)
    slowest = queries[np.argsort(times["hashlens"])[-5:]]
    again = {"hashlens": (index.search, slowest), "hashlens scan": (linear.search, slowest)}
    times = single_times(again, runs=15)
    row["slowest"] = {name: quantiles(seconds) for name, seconds in times.items()}
    row["slowest"]["share"] = float((times["hashlens"] / times["hashlens scan"]).max())
    row["ratio"] = row["faiss flat"]["median"] / row["hashlens"]["median"]
    if save_to:
        index.save(save_to)
    return note(row)


def part_large(args):
    """The same at a hundred million codes; the index is saved, and a fresh process serves it."""
    clumped = Clumped(args)
    folder = Path(args.work)
    rows = [_trained_row(clumped, args.large, args.queries_count, folder / "large.index")]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    np.save(folder / "queries.npy", clumped.some_queries(1000))
    done = subprocess.run(
        [sys.executable, "-c", SERVE, folder / "large.index", folder / "queries.npy"],
        capture_output=True,
        text=True,
        check=True,
    )
    opened, resident = map(float, done.stdout.split())
    size = (folder / "large.index").stat().st_size / 2**20
    served = {"file_mb": size, "open_s": opened, "peak_mb": resident}
    (folder / "large.index").unlink()
    return {
        "unit": "µs per query",
        "about": clumped.about(),
        "rows": rows,
        "benchmark_peak_mb": peak,
        "served": note(served),
    }


def part_peers(args):
    """Approximate peers on a million codes: time and recall."""
    clumped = Clumped(args)
    codes, queries = np.ascontiguousarray(clumped.of_size(1_000_000)), clumped.some_queries(200)
    index = MultiIndex.from_codes(codes)
    exact = index.search(queries, K).distances

    def ours(asked, k):
        found = index.search(asked, k)
        return found.distances, found.ids

    searches = {
        "hashlens multi-index": ours,
        "faiss flat": peers.flat(codes),
        "faiss hash, 16 bits, 2 flips": peers.hash_index(codes, 16, 2),
        "faiss multi-hash, 4 × 16 bits, 1 flip": peers.multi_hash(codes, 4, 16, 1),
        "faiss HNSW, 16 links, effort 64": peers.hnsw(codes),
    }
    times = single_times({name: (search, queries) for name, search in searches.items()})
    rows = []
    for name, search in searches.items():
        found = np.concatenate([search(queries[q : q + 1], K)[0] for q in range(len(queries))])
        recall = peers.recall_by_distance(found, exact)
        rows.append(note({"tool": name, **quantiles(times[name]), "recall": recall}))
    return {"unit": "µs per query", "about": clumped.about(), "n": len(codes), "rows": rows}


def part_planner(args):
    """Scans, shells and the planner's choice side by side; the choice should be the best one."""
    clumped = Clumped(args)
    cases = [("learned", clumped.of_size(n), clumped.queries) for n in (50_000, 1_000_000)]
    cases += [
        ("uniform", data.uniform(1_000_000, bits), data.uniform(300, bits, seed=1))
        for bits in (64, 128)
    ]
    rows = []
    for kind, codes, queries in cases:
        # Both map one file, so that they read the same memory.
        path = Path(args.work) / "planner.index"
        MultiIndex.from_codes(codes).save(path)
        plain = np.ascontiguousarray(codes)
        index = AutoIndex.open(path, plain, background=False)
        multi, linear = MultiIndex.load(path), LinearIndex.from_codes(plain)
        assert index.is_built
        path.unlink()
        for size in (1, 32, 256):
            rows += [
                note({"codes": kind, **_planned(index, multi, linear, queries, size, k)})
                for k in (10, 1000)
            ]
    return {"unit": "ms per call", "about": clumped.about(), "rows": rows}


def _planned(index, multi, linear, queries, size, k):
    def scan(asked, count):
        return multi.search_checked(asked, count, multi.bits, budget=0.0)[0]

    row = {"bits": multi.bits, "n": len(multi), "queries": size, "k": k}
    planned = next_of(index.search, queries, size, k)
    for _ in range(16):  # so that it has measured both ways
        planned()
    asks = {
        "linear": next_of(linear.search, queries, size, k),
        "scan": next_of(scan, queries, size, k),
        "shells": next_of(multi.search, queries, size, k),
        "planned": planned,
    }
    row |= {name: 1e3 * seconds for name, seconds in alternate_times(asks).items()}
    methods = []
    for _ in range(32):
        planned()
        methods.append(index.last_method)
    row["method"] = statistics.mode(methods)
    row["share"] = min(row["linear"], row["scan"], row["shells"]) / row["planned"]
    return row
