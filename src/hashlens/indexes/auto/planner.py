"""Scan or shells? Measurements decide; results are the same either way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Method = Literal["scan", "shells"]

BATCH = 12
"""With at least this many queries, a scan shares its lookup tables and gets much faster."""
TRIAL = 8
"""The number of queries of a batch that are tried on shells if nothing is known of them yet."""
_LATEST = 0.3
"""Weight of the latest measurement in a running mean."""
_LATEST_CALL = 0.05
"""Weight of the latest call in the share of queries that finish within their shells: even if half
of them do, ten in a row may not."""
_FIRST_RETRY, _RETRY = 4, 64
"""The slower method is tried again after 4, 8, 16 and 32 calls, as its first measurement may have
been disturbed, and then every 64 calls, as queries may have changed."""
_PROMISING = 2.5
"""A whole batch uses shells if a few of its queries took less than this many times a scan."""
_HOPELESS = 0.1
"""Small calls are scanned at once if a smaller share than this finishes within shells."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search is carried out, and why.

    Attributes
    ----------
    method : "scan" or "shells"
        Compare with all distinct codes, or multi-index hashing.
    trial : bool
        Whether only a few queries use this method, to measure it before the rest is planned.
    batch : bool
        Whether the call has at least `BATCH` queries.
    scan_us, shells_us : float
        Time per query of such a call with each method, in µs; NaN if not measured yet.
    finished : float
        Share of the queries so far that finished within their shells; the others were scanned.
    without : str
        Why there is no multi-index to use; empty if there is one.
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
        """One or two sentences with the measurements that decided."""
        if self.without:
            return f"There is no multi-index. {self.without}"
        if not self.batch:
            return (
                f"{self.finished:.0%} of such queries so far finished within their shells; the "
                "others were scanned."
            )
        if self.trial:
            return f"{TRIAL} queries of the batch will measure how long shells take."
        if math.isnan(self.scan_us):
            return (
                f"{TRIAL} queries of such a batch took {self.shells_us:.1f} µs each by shells; now "
                "the scan is measured."
            )
        return (
            f"A query of such a batch takes {self.scan_us:.1f} µs by scan, "
            f"{self.shells_us:.1f} µs by shells."
        )


class SmallCalls:
    """Whether calls of fewer than `BATCH` queries are worth their shells.

    A query that leaves its shells is scanned, so such a call can only lose the time spent in shells
    until then. Counting is enough to learn that: reading the clock would take as long as some of
    these searches.
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
        """Note how many queries of a call finished within their shells."""
        self._calls += 1
        if method == "shells" and queries:
            self._finished += _LATEST_CALL * (finished / queries - self._finished)

    def plan(self) -> Plan:
        """Return what `choose` returns, with the measurements behind it."""
        return Plan(self.choose(), finished=self._finished)


class Batches:
    """The recent times of batches of one kind, and the choice that follows from them.

    Only whole calls are compared with each other. A few queries on shells first show whether a
    whole call is worth the risk, since hopeless shells cost more than scanning the batch.
    """

    __slots__ = ("_calls", "_seconds", "_tried")

    def __init__(self) -> None:
        self._seconds: dict[Method, float] = {"scan": math.nan, "shells": math.nan}
        self._tried = math.nan
        self._calls = 0

    def choose(self) -> tuple[Method, bool]:
        """Return how to answer a call, and whether to try only a few of its queries first."""
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
        """Note the seconds per query of a batch, or of its trial."""
        self._calls += 1
        if trial:
            self._tried = seconds
            return
        before = self._seconds[method]
        # Disturbances only make a measurement longer, so a shorter one counts in full.
        longer = seconds > before
        self._seconds[method] = before + _LATEST * (seconds - before) if longer else seconds

    def plan(self) -> Plan:
        """Return what `choose` returns, with the measurements behind it."""
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
    """Return whether the call after ``calls`` others should try the slower method again."""
    if calls >= _RETRY:
        return calls % _RETRY == 0
    return calls >= _FIRST_RETRY and calls & (calls - 1) == 0


class Planner:
    """Keeps what was learned about each kind of call.

    Calls are of the same kind if they agree in k (to a power of two) or radius, in whether they are
    filtered, and in the number of queries (fewer than `BATCH`, or to a power of two).
    """

    def __init__(self) -> None:
        self._small_calls: dict[tuple[int, int, bool], SmallCalls] = {}
        self._batches: dict[tuple[int, int, bool, int], Batches] = {}

    def small_calls(self, k: int | None, radius: int, filtered: bool) -> SmallCalls:
        """Return what is known about calls like this one with fewer than `BATCH` queries."""
        key = (radius, k.bit_length() if k else 0, filtered)
        known = self._small_calls.get(key)
        if known is None:
            known = self._small_calls[key] = SmallCalls()
        return known

    def batches(self, k: int | None, radius: int, filtered: bool, queries: int) -> Batches:
        """Return what is known about calls like this one with ``queries`` ≥ `BATCH` queries."""
        key = (radius, k.bit_length() if k else 0, filtered, queries.bit_length())
        known = self._batches.get(key)
        if known is None:
            known = self._batches[key] = Batches()
        return known
