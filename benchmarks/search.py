"""Measure exact Hamming search against its peers, on the same machine and threads, in one run.

    python benchmarks/search_codes.py --data DIR --out CODES
    python benchmarks/search.py --codes CODES

measures everything. ``--part NAME`` measures one part and may be repeated; ``--report`` only writes
tables and plots of what is measured. Results go to benchmarks/results/search. CODES holds the codes
of a trained model; without it, a surrogate of such codes is used, and the results say so.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shlex
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("HASHLENS_THREADS", "2")

import faiss
import numpy as np
import search_clumped as clumped
import search_uniform as uniform
from search_report import write_report
from search_timing import THREADS

from hashlens.benchmark.context import commit
from hashlens.files.versioned_json import write_json

OUT = Path(__file__).parent / "results" / "search"
PARTS = {
    "batch": uniform.part_batch,
    "single": uniform.part_single,
    "paper": uniform.part_paper,
    "pairs": uniform.part_pairs,
    "trained": clumped.part_trained,
    "peers": clumped.part_peers,
    "planner": clumped.part_planner,
    "large": clumped.part_large,
}


INPUTS = ("codes", "labels", "queries", "codes128", "queries128")


def provenance(args):
    """Return the facts with which a reader can judge and repeat the figures."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    given = {name: getattr(args, name) for name in INPUTS if getattr(args, name)}
    return {
        "command": shlex.join(["python", "benchmarks/search.py", *sys.argv[1:]]),
        "inputs": {name: {"file": Path(p).name, "sha256": sha256(p)} for name, p in given.items()},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "cpu": model,
        "cores": os.cpu_count(),
        "threads": THREADS,
        "faiss": faiss.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def sha256(path):
    """Return the digest of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--codes", metavar="CODES", type=Path, help="made by search_codes.py")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="default: all")
    parser.add_argument("--queries-count", type=int, default=300)
    parser.add_argument("--large", type=int, default=100_000_000, help="size of the largest set")
    parser.add_argument("--work", default=tempfile.gettempdir(), help="folder for generated codes")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--report", action="store_true", help="only write the report")
    args = parser.parse_args()
    given = args.codes
    for name in INPUTS:
        setattr(args, name, given and given / f"{name}.npy")
    faiss.omp_set_num_threads(THREADS)
    for folder in (args.out, Path(args.work)):
        folder.mkdir(parents=True, exist_ok=True)
    made = None if args.report else provenance(args)
    for name in [] if args.report else args.part or list(PARTS):
        start = os.getloadavg()[0]
        result = {**PARTS[name](args), "provenance": made, "load_before": start}
        write_json(args.out / f"{name}.json", result, indent=1)
    write_report(args.out)


if __name__ == "__main__":
    main()
