"""Searches of a multi-index, each carried out as planned and measured for the next plan."""

from __future__ import annotations

import time

import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.indexes.auto.planner import BATCH, TRIAL, Batches, Method, Plan, Planner
from hashlens.indexes.auto.request import Request
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.search_result import SearchResult, concatenate


class PlannedSearch:
    """Carries out searches by the method that was faster so far, and learns from each."""

    def __init__(self) -> None:
        self._planner = Planner()
        self.last_method: Method = "scan"
        """How the last search was carried out."""

    def plan(self, queries: int, k: int, radius: int, filtered: bool) -> Plan:
        """Return how a search would be carried out now."""
        if queries < BATCH:
            return self._planner.small_calls(k, radius, filtered).plan()
        return self._planner.batches(k, radius, filtered, queries).plan()

    def search(
        self,
        index: MultiIndex,
        queries: Codes,
        k: int | None,
        radius: int,
        allow: npt.ArrayLike | None,
        deny: npt.ArrayLike | None,
    ) -> SearchResult:
        """Answer checked queries."""
        # Arguments are not bundled for a few queries: that would be felt by the shortest searches.
        count = len(queries)
        if count >= BATCH:
            batches = self._planner.batches(k, radius, allow is not None, count)
            return self._search_batch(index, batches, queries, Request(k, radius, allow, deny))
        small = self._planner.small_calls(k, radius, allow is not None)
        self.last_method = method = small.choose()
        budget = 0.0 if method == "scan" else None
        result, finished = index.search_checked(queries, k, radius, allow, deny, budget)
        small.learn(method, count, finished)
        return result

    def _search_batch(
        self, index: MultiIndex, batches: Batches, queries: Codes, request: Request
    ) -> SearchResult:
        """Answer a batch; if its method is on trial, a few of its queries before the rest."""
        method, trial = batches.choose()
        results = []
        if trial:
            result, seconds = _timed(index, queries[:TRIAL], request, method)
            batches.learn(method, trial, seconds)
            results.append(result)
            queries = queries[TRIAL:]
            method, _ = batches.choose()
        self.last_method = method
        result, seconds = _timed(index, queries, request, method)
        if len(queries) >= BATCH:  # fewer are scanned by another kernel
            batches.learn(method, False, seconds)
        results.append(result)
        return concatenate(results)


def _timed(
    index: MultiIndex, queries: Codes, request: Request, method: Method
) -> tuple[SearchResult, float]:
    """Answer queries by one method; return also the seconds per query."""
    start = time.perf_counter()
    result, _ = index.search_checked(queries, *request, 0.0 if method == "scan" else None)
    return result, (time.perf_counter() - start) / len(queries)
