"""Would a multi-index pay? Forecast from a sample of the codes and from queries of a scan."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.codes import hamming_distance
from hashlens.indexes.auto.planner import BATCH
from hashlens.indexes.base import SearchResult
from hashlens.indexes.multi_index import table_layout
from hashlens.native import COSTS, threads_of_scan, threads_of_shells

_OF_A_BATCH = 0.5
"""A query of a batch takes about this share of a lone scan."""
_SHARING_NS = 5000.0
"""To wake other threads for a scan and to merge what each has found, as measured with two. However
many threads there are, a scan does not get shorter than this."""
_WORTH_BUILDING = 0.35
"""An index is built where shells are expected to take less than this share of a scan. They take up
to twice as long as expected where codes are uniform."""
_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Forecast:
    """What shells are expected to take, and whether that is worth an index."""

    worthwhile: bool
    reason: str


def reaches(found: SearchResult, k: int | None, radius: int) -> npt.NDArray[np.int32]:
    """Return how far shells have to reach for each query that a scan has answered."""
    if k is None:
        return np.full(len(found.counts), radius, dtype=np.int32)
    # Where there are fewer than k codes, only the last shell can tell.
    return np.where(found.counts < k, radius, found.distances.max(axis=1)).astype(np.int32)


def forecast_shells(
    codes: Codes,
    queries: Codes,
    distances: npt.NDArray[np.int32],
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
        Some of those that were asked together.
    distances : int32 array of shape (q,)
        From `reaches`: the distance that shells have to cover for each.
    batch : int
        How many queries were asked together.
    compared : int
        With how many codes a scan compares each of them.
    threads : int
        How many threads a search may use.
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
        f"What {len(queries)} queries wanted lay within {np.median(distances):.0f} of {bits} bits "
        f"(the median code at {middle:.0f}): a query is expected to take {shells / 1e3:.1f} µs by "
        f"shells over {tables} tables, {scan / 1e3:.1f} µs by scan."
    )
    return Forecast(shells < _WORTH_BUILDING * scan, reason)


def probes_within(distance: int, tables: int, key_bits: int) -> int:
    """Return how many buckets shells look up until all codes within a distance are met."""
    return sum(math.comb(key_bits, at // tables) for at in range(distance + 1))


def _shells_ns(rows: int, sample: Codes, query: Codes, reach: int) -> float:
    """Return what the shells of a query take on one thread until they cover a distance."""
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
    """Return what a scan takes for each of a batch of queries."""
    alone = rows * COSTS.scanned * (bits // 8) * (_OF_A_BATCH if batch >= BATCH else 1.0)
    used = threads_of_scan(rows, batch, threads)
    return alone / used + (_SHARING_NS / batch if used > 1 else 0.0)
