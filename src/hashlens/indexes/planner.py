"""Scan or shells? What is measured decides; results are the same either way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from hashlens.codes import Codes, hamming_distance
from hashlens.indexes.multi_index import table_layout
from hashlens.native import SearchCost, thread_count

Method = Literal["scan", "shells"]

BATCH = 12
"""From so many queries on, a scan shares its look-up tables among them and gets much faster."""
TRIAL = 8
"""So many queries of a batch are tried on shells where nothing is known of them yet."""
_FORGET = 0.3
"""Weight of the latest measurement in the running means."""
_RETRY = 64
"""Every so many calls the method that lost is tried again: queries may have changed."""
_HOPELESS = 0.1
"""Single queries are scanned at once where a smaller share than this ends within its shells."""
_PROBE_NS = 5.0
_ROW_NS_PER_BYTE = 0.03
_WORTH_BUILDING = 0.5
"""An index is built where shells are expected to take less than this share of a scan."""
_SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search is carried out, and why.

    Attributes
    ----------
    method : "scan" or "shells"
        Compare with all distinct codes, or multi-index hashing.
    reason : str
        One sentence with the measurements that decided.
    trial : bool
        Whether only some queries go this way, to measure it before the rest is planned.
    """

    method: Method
    reason: str
    trial: bool = False


@dataclass(slots=True)
class _Measured:
    """Running means of one kind of call; NaN where nothing was measured yet."""

    seconds: dict[Method, float] = field(
        default_factory=lambda: {"scan": math.nan, "shells": math.nan}
    )
    finished: float = 1.0
    calls: int = 0


class Planner:
    """Chooses between scan and shells by what earlier calls of the same kind took.

    Calls are of one kind where they agree in k (to a power of two) or radius, in whether they are
    a batch, and in whether they are filtered.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, int, bool, bool], _Measured] = {}

    def choose(self, queries: int, k: int | None, radius: int, filtered: bool) -> Plan:
        """Return the plan for a call with so many queries."""
        known = self._measured(queries, k, radius, filtered)
        retry = known.calls % _RETRY == _RETRY - 1
        if queries < BATCH:
            return _plan_few(known, retry)
        return _plan_batch(known, retry)

    def learn(
        self,
        method: Method,
        queries: int,
        seconds: float,
        cost: SearchCost | None,
        kind: tuple[int, int | None, int, bool],
    ) -> None:
        """Note what ``queries`` queries took; ``kind`` are the arguments of `choose`."""
        known = self._measured(*kind)
        each = seconds / queries
        before = known.seconds[method]
        known.seconds[method] = (
            each if math.isnan(before) else (1 - _FORGET) * before + _FORGET * each
        )
        if method == "shells" and cost is not None:
            share = float(cost.finished.mean())
            known.finished = (1 - _FORGET) * known.finished + _FORGET * share

    def note_call(self, queries: int, k: int | None, radius: int, filtered: bool) -> None:
        """Count a call, so that now and then the other method is tried again."""
        self._measured(queries, k, radius, filtered).calls += 1

    def forget(self) -> None:
        """Forget all measurements: the codes have changed."""
        self._kinds.clear()

    def _measured(self, queries: int, k: int | None, radius: int, filtered: bool) -> _Measured:
        name, size = ("k", k.bit_length()) if k is not None else ("radius", radius)
        key = (name, size, queries >= BATCH, filtered)
        return self._kinds.setdefault(key, _Measured())


def _plan_few(known: _Measured, retry: bool) -> Plan:
    if known.finished >= _HOPELESS or retry:
        return Plan(
            "shells",
            f"{known.finished:.0%} of such queries so far ended within their shells; one that does "
            "not is scanned.",
        )
    return Plan(
        "scan", f"Only {known.finished:.0%} of such queries so far ended within their shells."
    )


def _plan_batch(known: _Measured, retry: bool) -> Plan:
    scan, shells = known.seconds["scan"], known.seconds["shells"]
    if math.isnan(shells):
        return Plan("shells", f"Nothing is known of such batches: {TRIAL} queries are tried.", True)
    if math.isnan(scan):
        return Plan("scan", f"No such batch was scanned yet: {BATCH} queries are tried.", True)
    better: Method = "scan" if scan <= shells else "shells"
    other: Method = "shells" if better == "scan" else "scan"
    figures = f"a query of such a batch takes {scan * 1e6:.1f} µs by scan, {shells * 1e6:.1f} µs "
    if retry:
        return Plan(other, f"{figures}by shells; this call measures the slower again.", True)
    return Plan(better, f"{figures}by shells.")


@dataclass(frozen=True, slots=True)
class Forecast:
    """What shells are expected to take, from a sample of the codes and some answered queries."""

    worthwhile: bool
    reason: str


def forecast_shells(
    codes: Codes, queries: Codes, kth_distances: npt.NDArray[np.int32], bits: int
) -> Forecast:
    """Return whether multi-index hashing would pay for queries like these.

    Parameters
    ----------
    codes : uint8 array of shape (n, bits / 8)
    queries : uint8 array of shape (q, bits / 8)
    kth_distances : int32 array of shape (q,)
        How far their k-th neighbours are: shells have to grow until they cover that distance.
    """
    rows = len(codes)
    tables, key_bits = table_layout(bits, rows)
    sample = codes[:: max(rows // _SAMPLE, 1)]
    starts = [t * bits // tables for t in range(tables)]
    scan = rows * _ROW_NS_PER_BYTE * (bits // 8) / thread_count()
    expected = []
    for query, reach in zip(queries, kth_distances, strict=True):
        probes = sum(math.comb(key_bits, at // tables) for at in range(int(reach) + 1))
        met = np.zeros(len(sample), dtype=np.int64)
        apart = np.unpackbits(query[None] ^ sample, axis=1)
        for t, start in enumerate(starts):
            near = apart[:, start : start + key_bits].sum(axis=1, dtype=np.int64)
            met += tables * near + t <= reach
        compared = float(met.mean()) * rows * _ROW_NS_PER_BYTE * (bits // 8)
        expected.append(probes * _PROBE_NS + compared)
    shells = float(np.median(expected))
    middle = float(np.median(hamming_distance(queries[:, None], sample[None])))
    reason = (
        f"The k-th neighbour of {len(queries)} queries lay at distance "
        f"{np.median(kth_distances):.0f} of {bits} (the median code at {middle:.0f}): a query is "
        f"expected to take {shells / 1e3:.1f} µs by shells over {tables} tables, "
        f"{scan / 1e3:.1f} µs by scan."
    )
    return Forecast(shells < _WORTH_BUILDING * scan, reason)
