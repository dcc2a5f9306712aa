"""The parts of the search benchmark that need no trained model."""

from __future__ import annotations

import faiss
import numpy as np
import search_data as data
import search_peers as peers
from search_timing import (
    THREADS,
    alternate_times,
    batch_time,
    next_of,
    note,
    quantiles,
    single_times,
)

from hashlens.indexes import AutoIndex, LinearIndex, pairs_within


def part_batch(_):
    """A batch of 256 queries over uniform codes."""
    cases = [(1_000_000, bits) for bits in (32, 48, 64, 128, 256)]
    cases += [(10_000_000, 64), (10_000_000, 128)]
    return {"unit": "ms per batch", "rows": [_batch_row(n, bits) for n, bits in cases]}


def _batch_row(n, bits):
    codes, queries = data.uniform(n, bits), data.uniform(256, bits, seed=1)
    searches = {"hashlens": LinearIndex.from_codes(codes).search, "faiss flat": peers.flat(codes)}
    asks = {name: next_of(search, queries, len(queries)) for name, search in searches.items()}
    row = {"n": n, "bits": bits, "queries": len(queries)}
    times = alternate_times(asks, rounds=15, limit=20.0)
    row |= {name: seconds * 1e3 for name, seconds in times.items()}
    if (n, bits) == (1_000_000, 128):  # takes seconds, so it is asked less
        few = batch_time(peers.usearch_exact(codes, THREADS), queries[:16])
        row["usearch exact"] = few * 1e3 * len(queries) / 16
    row["ratio"] = row["faiss flat"] / row["hashlens"]
    return note(row)


def part_single(_):
    """One query at a time over uniform codes: nothing helps but reading fast."""
    cases = [(1_000_000, 64), (1_000_000, 128), (10_000_000, 64), (10_000_000, 128)]
    return {"unit": "µs per query", "rows": [_single_row(n, bits) for n, bits in cases]}


def _single_row(n, bits):
    codes, queries = data.uniform(n, bits), data.uniform(20, bits, seed=1)
    searches = {
        "hashlens": (LinearIndex.from_codes(codes).search, queries),
        "faiss flat": (peers.flat(codes), queries),
    }
    if n == 1_000_000:
        searches["numpy"] = (peers.plain_numpy(codes), queries[:3])
    times = {name: quantiles(seconds) for name, seconds in single_times(searches, runs=15).items()}
    row = {"n": n, "bits": bits, **times}
    row["ratio"] = row["faiss flat"]["median"] / row["hashlens"]["median"]
    return note(row)


def part_paper(args):
    """The paper's comparison: 50,000 images, floats of 4096 dimensions against 128 bits."""
    n, dimensions = 50_000, 4096
    rng = np.random.default_rng(0)
    vectors = rng.random((n, dimensions), dtype=np.float32)
    asked = rng.random((256, dimensions), dtype=np.float32)
    floats = faiss.IndexFlatL2(dimensions)
    floats.add(vectors)
    norms = np.einsum("ij,ij->i", vectors, vectors)

    def blas(queries, k):
        return np.argpartition(norms - 2 * (queries @ vectors.T), k, axis=1)[:, :k]

    kinds = {"uniform": (data.uniform(n, 128), data.uniform(256, 128, seed=1))}
    if args.codes128:
        kinds["learned"] = (np.load(args.codes128), np.load(args.queries128)[:256])
    else:
        codes, _, queries = data.surrogate(128)
        kinds["surrogate"] = (codes, queries[:256])
    exact = {"faiss IndexFlatL2": (floats.search, asked), "BLAS": (blas, asked)}
    searches = {}
    for kind, (codes, queries) in kinds.items():
        for name, search in _hamming_searches(codes).items():
            searches[f"{kind} {name}"] = (search, queries)
    rows = []
    for size in (1, 256):
        asks = {name: next_of(*pair, size) for name, pair in (exact | searches).items()}
        times = alternate_times(asks, limit=20.0, turn=0.05)
        times = {name: seconds / size * 1e6 for name, seconds in times.items()}
        times |= {f"{n} ratio": times["faiss IndexFlatL2"] / times[n] for n in ("BLAS", *searches)}
        rows.append(note({"queries": size, **times}))
    encoding = _encoding_time()
    about = {} if encoding is None else {"encoding_us": encoding * 1e6}
    return {"unit": "µs per query", "rows": rows, **about}


def _hamming_searches(codes):
    """Return the searches over 128-bit codes by name."""
    auto = AutoIndex.from_codes(codes, background=False)
    auto.build()
    scan = LinearIndex.from_codes(codes)
    return {"scan": scan.search, "auto": auto.search, "faiss flat": peers.flat(codes)}


def _encoding_time():
    """Return the seconds to describe one image with the bundled model, None where it is absent."""
    try:
        from hashlens.descriptors import load_descriptor

        descriptor = load_descriptor("default", threads=THREADS)
    except (ImportError, OSError):
        return None
    side = descriptor.spec.input_size
    pixels = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    return batch_time(lambda image, _: descriptor.describe(image), pixels)


def part_pairs(_):
    """All pairs within a radius: how time grows with the number of codes."""
    rows = []
    for radius in (2, 4, 7, 10):
        for n in (25_000, 50_000, 100_000, 200_000, 400_000):
            codes = data.with_near_pairs(n, 64, radius)
            seconds = batch_time(pairs_within, codes, radius)
            found = len(pairs_within(codes, radius))
            assert found >= n // 2
            rows.append(note({"n": n, "radius": radius, "pairs": found, "seconds": seconds}))
    return {"unit": "s", "rows": rows}
