"""Would a multi-index pay? A forecast from a sample of the codes and the queries of a scan."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Codes, Distances
from hashlens.codes import hamming_distance
from hashlens.indexes.auto.planner import BATCH
from hashlens.indexes.multi_index_state import table_layout
from hashlens.indexes.search_result import SearchResult
from hashlens.native import COSTS, threads_of_scan, threads_of_shells

_OF_A_BATCH = 0.5
"""A query in a batch takes about this share of the time of a single scan."""
_SHARING_NS = 5000.0
"""Waking other threads for a scan and merging their results takes this long, as measured with two
threads. With any number of threads, a scan does not take less."""
_WORTH_BUILDING = 0.35
"""An index is built if shells are expected to take less than this share of a scan. For uniform
codes they take up to twice as long as expected."""
_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whether shells are expected to be worth an index, and a sentence that says why."""

    worthwhile: bool
    reason: str


def reaches(found: SearchResult, k: int | None, radius: int) -> Distances:
    """Return the distance, in bits, that shells must cover for each query of a scan."""
    if k is None:
        return np.full(len(found.counts), radius, dtype=np.int32)
    # If there are fewer than k codes, only the last shell can tell.
    return np.where(found.counts < k, radius, found.distances.max(axis=1)).astype(np.int32)


def forecast_shells(
    codes: Codes,
    queries: Codes,
    distances: Distances,
    *,
    batch: int,
    compared: int,
    threads: int,
) -> Forecast:
    """Return whether multi-index hashing would pay for queries like these.

    Parameters
    ----------
    codes : uint8 array of shape (n, bits / 8)
    queries : uint8 array of shape (q, bits / 8)
        Some of the queries of one search.
    distances : int32 array of shape (q,)
        From `reaches`: the distance that shells must cover for each of them.
    batch : int
        Number of queries of that search.
    compared : int
        Number of codes that a scan compares each of them with.
    threads : int
        Number of threads that a search may use.
    """
    bits = 8 * codes.shape[1]
    tables = table_layout(bits, len(codes))[0]
    sample = codes[:: max(len(codes) // _SAMPLE, 1)]
    expected = [
        _shells_ns(len(codes), sample, query, int(reach))
        for query, reach in zip(queries, distances, strict=True)
    ]
    shells = float(np.median(expected)) / threads_of_shells(batch, threads)
    scan = _scan_ns(compared, bits, batch, threads)
    middle = float(np.median(hamming_distance(queries[:, None], sample[None])))
    reason = (
        f"The neighbors of {len(queries)} queries lay within {np.median(distances):.0f} of {bits} "
        f"bits (the median code at {middle:.0f}): a query is expected to take "
        f"{shells / 1e3:.1f} µs by shells over {tables} tables, {scan / 1e3:.1f} µs by scan."
    )
    return Forecast(shells < _WORTH_BUILDING * scan, reason)


def probes_within(distance: int, tables: int, key_bits: int) -> int:
    """Return the number of buckets that shells look up to find all codes within a distance."""
    return sum(math.comb(key_bits, at // tables) for at in range(distance + 1))


def _shells_ns(rows: int, sample: Codes, query: Codes, reach: int) -> float:
    """Return how many ns the shells of a query take on one thread to cover a distance."""
    bits: int = 8 * sample.shape[1]
    tables, key_bits = table_layout(bits, rows)
    probes = probes_within(reach, tables, key_bits)
    met = np.zeros(len(sample), dtype=np.int64)
    apart = np.unpackbits(query[None] ^ sample, axis=1)
    for t in range(tables):
        start = t * bits // tables
        near = apart[:, start : start + key_bits].sum(axis=1, dtype=np.int64)
        met += tables * near + t <= reach
    compared = float(met.mean()) * rows
    probe = COSTS.probe + min(rows / 2.0**key_bits, 1.0) * COSTS.bucket
    return probes * probe + compared * COSTS.row * (bits // 8)


def _scan_ns(rows: int, bits: int, batch: int, threads: int) -> float:
    """Return how many ns a scan takes per query of a batch."""
    alone = rows * COSTS.scanned * (bits // 8) * (_OF_A_BATCH if batch >= BATCH else 1.0)
    used = threads_of_scan(rows, batch, threads)
    return alone / used + (_SHARING_NS / batch if used > 1 else 0.0)
