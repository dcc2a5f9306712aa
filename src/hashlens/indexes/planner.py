"""Scan or shells? What is measured decides; results are the same either way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hashlens.codes import Codes, hamming_distance
from hashlens.indexes.multi_index import table_layout
from hashlens.native import COSTS, threads_of_scan, threads_of_shells

Method = Literal["scan", "shells"]

BATCH = 12
"""From so many queries on, a scan shares its look-up tables among them and gets much faster."""
TRIAL = 8
"""So many queries of a batch are tried on shells where nothing is known of them yet."""
_LATEST = 0.3
"""Weight of the latest measurement in a running mean."""
_LATEST_CALL = 0.05
"""Weight of the latest call in the share that ends within its shells: even where half of all
queries do, some ten in a row may not."""
_FIRST_RETRY, _RETRY = 4, 64
"""The method that lost is tried again after 4, 8, 16, 32 calls, for its first measurement may have
been disturbed, and then every 64 calls, for queries may have changed."""
_PROMISING = 2.5
"""A whole batch goes on shells once a few of its queries took less than so many times a scan."""
_HOPELESS = 0.1
"""A small call is scanned at once where a smaller share than this ends within its shells."""
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
class Plan:
    """How a search is carried out, and why.

    Attributes
    ----------
    method : "scan" or "shells"
        Compare with all distinct codes, or multi-index hashing.
    trial : bool
        Whether only some queries go this way, to measure it before the rest is planned.
    batch : bool
        Whether the call is a batch of at least `BATCH` queries.
    scan_us, shells_us : float
        What a query of such a call has taken either way, in µs; NaN where it was not measured yet.
    finished : float
        Share of the queries so far that ended within their shells; the others were scanned.
    without : str
        Why there is no multi-index to choose; empty where there is one.
    """

    method: Method
    trial: bool = False
    batch: bool = False
    scan_us: float = math.nan
    shells_us: float = math.nan
    finished: float = 1.0
    without: str = ""

    @property
    def reason(self) -> str:
        """One sentence or two with the measurements that decided."""
        if self.without:
            return f"There is no multi-index. {self.without}"
        if not self.batch:
            return (
                f"{self.finished:.0%} of such queries so far ended within their shells; one that "
                "does not is scanned."
            )
        if self.trial:
            return f"{TRIAL} queries of the batch measure what shells take."
        return (
            f"A query of such a batch takes {self.scan_us:.1f} µs by scan, "
            f"{self.shells_us:.1f} µs by shells."
        )


class SmallCalls:
    """Whether calls of fewer than `BATCH` queries are worth their shells.

    A query that leaves its shells is scanned, so all that such a call can lose is what the shells
    cost until then. That is learned from counting alone: reading the clock would take as long as
    some of these searches.
    """

    __slots__ = ("_calls", "_finished")

    def __init__(self) -> None:
        self._finished = 1.0
        self._calls = 0

    def choose(self) -> Method:
        """Return how to answer a call."""
        if self._finished >= _HOPELESS or _is_retry(self._calls):
            return "shells"
        return "scan"

    def learn(self, method: Method, queries: int, finished: int) -> None:
        """Note how many queries of a call ended within their shells."""
        self._calls += 1
        if method == "shells" and queries:
            self._finished += _LATEST_CALL * (finished / queries - self._finished)

    def plan(self) -> Plan:
        """Return what `choose` says together with what it says so for."""
        return Plan(self.choose(), finished=self._finished)


class Batches:
    """What batches of one kind took lately, and the choice that follows from them.

    Only whole calls are compared with each other. A few queries on shells first tell whether a
    whole call is worth the risk, since hopeless shells cost more than a scan of the batch.
    """

    __slots__ = ("_calls", "_seconds", "_tried")

    def __init__(self) -> None:
        self._seconds: dict[Method, float] = {"scan": math.nan, "shells": math.nan}
        self._tried = math.nan
        self._calls = 0

    def choose(self) -> tuple[Method, bool]:
        """Return how to answer a call, and whether to try only some of its queries first."""
        retry = _is_retry(self._calls)
        scan, shells = self._seconds["scan"], self._seconds["shells"]
        if math.isnan(self._tried):
            return "shells", True
        if math.isnan(scan):
            return "scan", False
        promising = self._tried < _PROMISING * scan
        if math.isnan(shells) or not promising:
            return ("shells", not promising) if promising or retry else ("scan", False)
        return ("scan" if (scan <= shells) != retry else "shells"), False

    def learn(self, method: Method, trial: bool, seconds: float) -> None:
        """Note how many seconds a query of a batch, or of its trial, took."""
        self._calls += 1
        if trial:
            self._tried = seconds
            return
        before = self._seconds[method]
        # What disturbs a measurement only makes it longer, so a shorter one counts at once.
        longer = seconds > before
        self._seconds[method] = before + _LATEST * (seconds - before) if longer else seconds

    def plan(self) -> Plan:
        """Return what `choose` says together with what it says so for."""
        method, trial = self.choose()
        shells = self._seconds["shells"]
        return Plan(
            method,
            trial,
            batch=True,
            scan_us=self._seconds["scan"] * 1e6,
            shells_us=(self._tried if math.isnan(shells) else shells) * 1e6,
        )


def _is_retry(calls: int) -> bool:
    """Return whether the call that follows so many others is to try the method that lost."""
    if calls >= _RETRY:
        return calls % _RETRY == 0
    return calls >= _FIRST_RETRY and calls & (calls - 1) == 0


class Planner:
    """Keeps what was learned of each kind of call.

    Calls are of one kind where they agree in k (to a power of two) or radius, in whether they are
    filtered, and in the number of queries: fewer than `BATCH`, or to a power of two.
    """

    def __init__(self) -> None:
        self._small_calls: dict[tuple[int, int, bool], SmallCalls] = {}
        self._batches: dict[tuple[int, int, bool, int], Batches] = {}

    def small_calls(self, k: int | None, radius: int, filtered: bool) -> SmallCalls:
        """Return what is known of calls of fewer than `BATCH` queries like this one."""
        key = (radius, k.bit_length() if k else 0, filtered)
        known = self._small_calls.get(key)
        if known is None:
            known = self._small_calls[key] = SmallCalls()
        return known

    def batches(self, k: int | None, radius: int, filtered: bool, queries: int) -> Batches:
        """Return what is known of calls of so many queries, at least `BATCH`, like this one."""
        key = (radius, k.bit_length() if k else 0, filtered, queries.bit_length())
        known = self._batches.get(key)
        if known is None:
            known = self._batches[key] = Batches()
        return known


@dataclass(frozen=True, slots=True)
class Forecast:
    """What shells are expected to take, from a sample of the codes and some answered queries."""

    worthwhile: bool
    reason: str


def forecast_shells(
    codes: Codes,
    queries: Codes,
    reaches: npt.NDArray[np.int32],
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
    reaches : int32 array of shape (q,)
        How far their k-th neighbours are, or the radius: shells have to cover that distance.
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
        for query, reach in zip(queries, reaches, strict=True)
    ]
    shells = float(np.median(expected)) / threads_of_shells(batch, threads)
    scan = _scan_ns(compared, bits, batch, threads)
    middle = float(np.median(hamming_distance(queries[:, None], sample[None])))
    reason = (
        f"What {len(queries)} queries wanted lay within {np.median(reaches):.0f} of {bits} bits "
        f"(the median code at {middle:.0f}): a query is expected to take {shells / 1e3:.1f} µs by "
        f"shells over {tables} tables, {scan / 1e3:.1f} µs by scan."
    )
    return Forecast(shells < _WORTH_BUILDING * scan, reason)


def _shells_ns(rows: int, sample: Codes, query: Codes, reach: int) -> float:
    """Return what the shells of a query take on one thread until they cover a distance."""
    bits = 8 * sample.shape[1]
    tables, key_bits = table_layout(bits, rows)
    probes = sum(math.comb(key_bits, at // tables) for at in range(reach + 1))
    met = np.zeros(len(sample), dtype=np.int64)
    apart = np.unpackbits(query[None] ^ sample, axis=1)
    for t in range(tables):
        start = t * bits // tables
        near = apart[:, start : start + key_bits].sum(axis=1, dtype=np.int64)
        met += tables * near + t <= reach
    compared = float(met.mean()) * rows
    probe = COSTS.probe + min(rows / 2**key_bits, 1.0) * COSTS.bucket
    return probes * probe + compared * COSTS.row * (bits // 8)


def _scan_ns(rows: int, bits: int, batch: int, threads: int) -> float:
    """Return what a scan takes for each of a batch of queries."""
    alone = rows * COSTS.scanned * (bits // 8) * (_OF_A_BATCH if batch >= BATCH else 1.0)
    used = threads_of_scan(rows, batch, threads)
    return alone / used + (_SHARING_NS / batch if used > 1 else 0.0)
