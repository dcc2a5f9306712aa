"""The index that chooses: a scan, or multi-index hashing where that is faster."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.codes import check_codes
from hashlens.indexes.auto.builds import start_build
from hashlens.indexes.auto.forecast import forecast_shells, reaches
from hashlens.indexes.auto.planner import BATCH, TRIAL, Batches, Method, Plan, Planner
from hashlens.indexes.auto.reopen import reopen
from hashlens.indexes.base import Index, SearchResult, check_k, check_radius, concatenate
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.row_ids import RowIds
from hashlens.native import MAX_K, thread_count


class _Request(NamedTuple):
    """What a search asks of its queries, in the order of `MultiIndex.search_checked`."""

    k: int | None
    radius: int
    allow: npt.ArrayLike | None
    deny: npt.ArrayLike | None


_Change = tuple[Codes | None, npt.NDArray[np.int64]]
# Codes and ids that were added, or None and ids that were removed, while an index was being built.


class AutoIndex(Index):
    """Exact search that plans each call by what it has measured.

    It starts as a `LinearIndex`, and looks at the queries of its searches 1, 2, 4, 8, and so on.
    Once their neighbors are near enough for multi-index hashing to pay, it builds a `MultiIndex`
    in the background; until that is ready, it scans. From then on each call goes the way that has
    been faster for calls of its kind. The way never changes a result.

    Parameters
    ----------
    bits : int
        Code length.
    background : bool
        Whether a `MultiIndex` may be built in the background; otherwise only `build` does it.

    Examples
    --------
    >>> index = AutoIndex(bits=8)
    >>> index.add(np.array([[0b0001], [0b1111], [0b0011]], dtype=np.uint8))
    >>> index.search(np.array([[0b0011]], dtype=np.uint8), k=2).ids.tolist()
    [[2, 0]]
    >>> index.explain(queries=1, k=2).method
    'scan'
    """

    worth_building = 20_000
    """Fewer codes than this are scanned in some microseconds and never indexed in background."""

    def __init__(self, bits: int, *, background: bool = True) -> None:
        super().__init__(bits)
        self.background = background
        self._last_method: Method = "scan"
        self._engine: LinearIndex | MultiIndex = LinearIndex(bits)
        self._planner = Planner()
        self._lock = threading.RLock()
        self._builder: threading.Thread | None = None
        self._changes: list[_Change] | None = None
        self._scans = 0
        self._forecast_at = (0, 0)  # how many codes and scans there had been at the last forecast
        self._failure: Exception | None = None
        self._declined_because = "No query has been asked yet, so nothing is known of distances."

    @classmethod
    def from_codes(
        cls, codes: Codes, denied: npt.ArrayLike | None = None, *, background: bool = True
    ) -> Self:
        """Return an index that serves ``codes`` where they lie; see `LinearIndex.from_codes`."""
        linear = LinearIndex.from_codes(codes, denied)
        index = cls(linear.bits, background=background)
        index._engine = linear
        return index

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        codes: Codes,
        denied: npt.ArrayLike | None = None,
        *,
        source: str = "",
        background: bool = True,
    ) -> Self:
        """Return an index over ``codes`` with ids 0..n−1, from its saved file where that is sound.

        Parameters
        ----------
        path : path of a file that `save` wrote, or of none
            A file that is missing, damaged or stale is left alone, and the codes are served as by
            `from_codes`. Codes that were appended since it was saved are added.
        codes, denied : see `from_codes`
        source : str
            Has to equal that of `save`: it says that the first codes are still the same.
        """
        multi = reopen(path, codes, denied, source)
        if multi is None:
            return cls.from_codes(codes, denied, background=background)
        index = cls(multi.bits, background=background)
        index._engine = multi
        return index

    def __len__(self) -> int:
        return len(self._engine)

    @property
    def is_built(self) -> bool:
        """Whether a multi-index is ready."""
        return isinstance(self._engine, MultiIndex)

    @property
    def is_building(self) -> bool:
        """Whether a multi-index is being built in the background."""
        return self._builder is not None

    @property
    def last_method(self) -> Method:
        """How the last search was carried out: "scan" or "shells"."""
        return self._last_method

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes (n, bits / 8); ids default to the numbers that follow the largest so far."""
        with self._lock:
            new = check_codes(codes, self.bits, "AutoIndex.add")
            new_ids = self._engine.check_new_ids(ids, len(new))
            self._engine.add(new, new_ids)
            if self._changes is not None:
                self._changes.append((new.copy(), new_ids))

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; an id that is not there is an error."""
        with self._lock:
            self._engine.remove(ids)
            if self._changes is not None:
                self._changes.append((None, np.array(ids, dtype=np.int64)))

    def build(self) -> None:
        """Build the multi-index now and wait until it is ready.

        Raises
        ------
        MemoryError, RuntimeError
            If there is too little memory, or no thread to be had; the index goes on as it was.
        """
        with self._lock:
            self._start_building()
            builder = self._builder
        if builder is not None:
            builder.join()
        if self._failure is not None and not self.is_built:
            raise self._failure

    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the multi-index to a file, built if need be; see `build` and `MultiIndex.save`."""
        self.build()
        with self._lock:
            if isinstance(self._engine, MultiIndex):
                self._engine.save(path, source=source)

    def explain(self, queries: int, k: int, *, filtered: bool = False) -> Plan:
        """Return how a search of so many queries would be carried out now, and why."""
        wanted = check_k(k, "AutoIndex.explain")
        if not isinstance(self._engine, MultiIndex):
            building = "One is being built." if self._builder else self._declined_because
            return Plan("scan", without=building)
        if queries < BATCH:
            return self._planner.small_calls(wanted, self.bits, filtered).plan()
        return self._planner.batches(wanted, self.bits, filtered, queries).plan()

    def search(
        self,
        codes: Codes,
        k: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return the ``k`` nearest codes of each query; see `Index.search`."""
        queries = check_codes(codes, self.bits, "AutoIndex.search")
        return self._search(queries, check_k(k, "AutoIndex.search", MAX_K), self.bits, allow, deny)

    def search_radius(
        self,
        codes: Codes,
        radius: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return all codes within ``radius`` bits of each query; see `Index.search_radius`."""
        queries = check_codes(codes, self.bits, "AutoIndex.search_radius")
        reach = check_radius(radius, self.bits, "AutoIndex.search_radius")
        return self._search(queries, None, reach, allow, deny)

    def _search(
        self,
        queries: Codes,
        k: int | None,
        radius: int,
        allow: npt.ArrayLike | None,
        deny: npt.ArrayLike | None,
    ) -> SearchResult:
        engine = self._engine
        if not isinstance(engine, MultiIndex):
            self._last_method = "scan"
            if k is None:
                result = engine.search_radius(queries, radius, allow=allow, deny=deny)
            else:
                result = engine.search(queries, k, allow=allow, deny=deny)
            self._consider_building(engine, queries, _Request(k, radius, allow, deny), result)
            return result
        count = len(queries)
        if count >= BATCH:
            batches = self._planner.batches(k, radius, allow is not None, count)
            return self._search_batch(engine, batches, queries, _Request(k, radius, allow, deny))
        small = self._planner.small_calls(k, radius, allow is not None)
        self._last_method = method = small.choose()
        budget = 0.0 if method == "scan" else None
        result, finished = engine.search_checked(queries, k, radius, allow, deny, budget)
        small.learn(method, count, finished)
        return result

    def _search_batch(
        self, engine: MultiIndex, batches: Batches, queries: Codes, request: _Request
    ) -> SearchResult:
        """Answer a batch; where it is to be tried first, a few of its queries before the rest."""
        method, trial = batches.choose()
        results = []
        if trial:
            result, seconds = _timed(engine, queries[:TRIAL], request, method)
            batches.learn(method, trial, seconds)
            results.append(result)
            queries = queries[TRIAL:]
            method, _ = batches.choose()
        self._last_method = method
        result, seconds = _timed(engine, queries, request, method)
        if len(queries) >= BATCH:  # fewer are scanned by another kernel
            batches.learn(method, False, seconds)
        results.append(result)
        return concatenate(results)

    def _consider_building(
        self, engine: LinearIndex, queries: Codes, request: _Request, found: SearchResult
    ) -> None:
        """Build in the background where what a scan has found promises that it pays."""
        if self._builder or not self.background:
            return
        if len(engine) < self.worth_building or not len(queries):
            return
        self._scans += 1
        # Other queries may be nearer, but a forecast takes as long as many a scan.
        codes, scans = self._forecast_at
        if len(engine) < 2 * codes and self._scans < 2 * scans:
            return
        some = slice(0, 16)
        forecast = forecast_shells(
            engine.codes,
            queries[some],
            reaches(found, request.k, request.radius)[some],
            batch=len(queries),
            compared=engine.compared(request.allow),
            threads=thread_count(),
        )
        self._declined_because = forecast.reason
        self._forecast_at = (len(engine), self._scans)
        if not forecast.worthwhile:
            return
        with self._lock:
            self._start_building()

    def _start_building(self) -> None:
        if isinstance(self._engine, MultiIndex) or self._builder is not None:
            return
        self._failure = None
        try:
            codes, ids = self._engine.snapshot()
            self._changes = []
            self._builder = start_build(partial(self._build_from, codes, ids))
        except (MemoryError, RuntimeError) as error:
            self._changes = None
            self._note_failure(error)

    def _build_from(self, codes: Codes, ids: RowIds) -> None:
        try:
            multi = MultiIndex.from_rows(codes, ids)
            with self._lock:
                for new, changed in self._changes or ():
                    if new is not None:
                        multi.add(new, changed)
                    else:
                        multi.remove(changed)
                self._engine = multi
        except Exception as error:
            self._note_failure(error)
        finally:
            with self._lock:
                self._changes = None
                self._builder = None

    def _note_failure(self, error: Exception) -> None:
        self._failure = error  # for `build`; in the background scans just go on
        self._declined_because = f"Building one failed: {error!r}."


def _timed(
    engine: MultiIndex, queries: Codes, request: _Request, method: Method
) -> tuple[SearchResult, float]:
    """Answer queries one way; return also the seconds that a query took."""
    start = time.perf_counter()
    result, _ = engine.search_checked(queries, *request, 0.0 if method == "scan" else None)
    return result, (time.perf_counter() - start) / len(queries)
