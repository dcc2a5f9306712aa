"""The index that chooses: a scan, or multi-index hashing where that is faster."""

from __future__ import annotations

import os
from copy import copy
from functools import partial
from typing import Any, Self

import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import check_codes
from hashlens.indexes.arguments import check_k, check_radius, check_size
from hashlens.indexes.auto.builds import Build
from hashlens.indexes.auto.outlook import Outlook
from hashlens.indexes.auto.planned_search import PlannedSearch
from hashlens.indexes.auto.planner import Method, Plan
from hashlens.indexes.auto.reopen import load_any, reopen
from hashlens.indexes.auto.request import Request
from hashlens.indexes.base import Index
from hashlens.indexes.change_lock import change_lock
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.search_result import SearchResult
from hashlens.native import MAX_K


class AutoIndex(Index):
    """Exact search that plans each call by what it has measured.

    It starts as a `LinearIndex`. If the neighbors that its searches find are near enough for
    multi-index hashing to pay, it builds a `MultiIndex` in the background, and scans until that is
    ready. From then on each call uses the method that has been faster for calls of its kind. The
    method never changes a result.

    Parameters
    ----------
    bits : int
        Code length.
    background : bool
        Whether a `MultiIndex` may be built in the background; otherwise only `build` does it.

    Notes
    -----
    A pickle or copy holds the codes, and the multi-index if it is ready, but no measurements. Taken
    during a build, it holds the codes alone, and decides by its own searches whether to build; the
    build of the original goes on.

    Examples
    --------
    >>> import numpy as np
    >>> index = AutoIndex(bits=8)
    >>> index.add(np.array([[0b0001], [0b1111], [0b0011]], dtype=np.uint8))
    >>> index.search(np.array([[0b0011]], dtype=np.uint8), k=2).ids.tolist()
    [[2, 0]]
    >>> index.explain(queries=1, k=2).method
    'scan'
    """

    worth_building = 20_000
    """With fewer codes, a scan takes a few microseconds, and nothing is built in the background."""

    def __init__(self, bits: int, *, background: bool = True) -> None:
        super().__init__(bits)
        self.background = background
        self._engine: LinearIndex | MultiIndex = LinearIndex(bits)
        self._begin()

    def _begin(self) -> None:
        """Set up what belongs to this object alone, and to no copy of it."""
        self._lock = change_lock()  # held to change the codes, and to replace the engine
        self._planned = PlannedSearch()
        self._outlook = Outlook()
        self._build: Build | None = None
        self._failure: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            own = ("_lock", "_planned", "_outlook", "_build", "_failure")
            state = {name: value for name, value in vars(self).items() if name not in own}
            return state | {"_engine": copy(self._engine)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    @classmethod
    def from_codes(
        cls, codes: Codes, denied: npt.ArrayLike | None = None, *, background: bool = True
    ) -> Self:
        """Return an index that searches ``codes`` in place; see `LinearIndex.from_codes`."""
        return cls._of(LinearIndex.from_codes(codes, denied), background)

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
        """Return an index over ``codes``, from its saved file if that is usable.

        Ids are 0..n−1, as those of `from_codes`, unless the file holds other ids. To restore an
        index as it was saved, without giving its codes, use `load`.

        Parameters
        ----------
        path : path of the file that `save` wrote
            A file that is missing, damaged or stale is ignored, and the codes are searched as by
            `from_codes`. Codes that were appended since it was saved are added; they get the ids
            that follow.
        codes, denied : see `from_codes`
        source : str
            Must equal that of `save`: it states that the first codes are still the same.

        Raises
        ------
        DataError
            If an id of ``denied`` does not exist, or the file holds ids of its own and it can't be
            told which codes they belong to, since most of them were removed.
        """
        multi = reopen(path, codes, denied, source)
        if multi is None:
            return cls.from_codes(codes, denied, background=background)
        return cls._of(multi, background)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        source: str = "",
        map: bool = True,
        background: bool = True,
    ) -> Self:
        """Return the index that `save`, or that of another class, wrote; see `Index.load`."""
        return cls._of(load_any(path, source, map), background)

    @classmethod
    def _of(cls, engine: LinearIndex | MultiIndex, background: bool) -> Self:
        index = cls(engine.bits, background=background)
        index._engine = engine
        return index

    def __len__(self) -> int:
        return len(self._engine)

    def __contains__(self, id: object) -> bool:
        return id in self._engine

    def _built(self) -> str:
        if self.is_built:
            return "multi-index built"
        return "multi-index being built" if self.is_building else "no multi-index"

    @property
    def ids(self) -> Ids:
        """Ids of all codes, in the order in which they were added; see `Index.ids`."""
        return self._engine.ids

    @property
    def is_built(self) -> bool:
        """Whether a multi-index is ready."""
        return isinstance(self._engine, MultiIndex)

    @property
    def is_building(self) -> bool:
        """Whether a multi-index is being built in the background."""
        return self._running() is not None

    def _running(self) -> Build | None:
        """Return the build that is going on in this process."""
        build = self._build
        return None if build is None or build.is_lost else build

    @property
    def last_method(self) -> Method:
        """How the last search was carried out: "scan" or "shells"."""
        return self._planned.last_method

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes; see `Index.add`."""
        with self._lock:
            new = check_codes(codes, self.bits, "AutoIndex.add")
            new_ids = self._engine.check_new_ids(ids, len(new), "AutoIndex.add")
            self._engine.add(new, new_ids)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; see `Index.remove`."""
        with self._lock:
            self._engine.remove(ids)

    def reconstruct(self, ids: npt.ArrayLike) -> Codes:
        """Return the codes of ``ids``, in their order; see `Index.reconstruct`."""
        return self._engine.reconstruct(ids)

    def build(self) -> None:
        """Build the multi-index now and wait until it is ready.

        Raises
        ------
        MemoryError, RuntimeError
            If there is too little memory, or the system grants no thread; the index keeps scanning.
        """
        with self._lock:
            self._start_building()
            build = self._running()
        if build is not None:
            build.wait()
        if self._failure is not None and not self.is_built:
            raise self._failure

    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the index with its ids to one file; see `Index.save`.

        The multi-index is built first if it is not ready; `build` says what may be raised.
        """
        self.build()
        with self._lock:
            self._engine.save(path, source=source)

    def explain(self, queries: int, k: int, *, filtered: bool = False) -> Plan:
        """Return how a search of this many queries would be carried out now, and why."""
        wanted = check_k(k, "AutoIndex.explain")
        if self.is_built:
            return self._planned.plan(queries, wanted, self.bits, filtered)
        return Plan(
            "scan", without="One is being built." if self.is_building else self._outlook.reason
        )

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
        wanted = check_k(k, "AutoIndex.search", MAX_K)
        check_size(len(queries), wanted, self, "AutoIndex.search")
        return self._search(queries, wanted, self.bits, allow, deny)

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
        if isinstance(engine, MultiIndex):
            return self._planned.search(engine, queries, k, radius, allow, deny)
        self._planned.last_method = "scan"
        result = engine.search_checked(queries, k, radius, allow, deny)
        if self._may_build(engine, queries):
            request = Request(k, radius, allow, deny)
            if self._outlook.is_promising(engine, queries, request, result):
                with self._lock:
                    self._start_building()
        return result

    def _may_build(self, engine: LinearIndex, queries: Codes) -> bool:
        idle = self.background and not self.is_building
        return idle and len(engine) >= self.worth_building and len(queries) > 0

    def _start_building(self) -> None:
        if isinstance(self._engine, MultiIndex) or self.is_building:
            return
        self._failure = None
        build = Build(self._engine)
        try:
            build.start(partial(self._finish, build))
            self._build = build
        except (MemoryError, RuntimeError) as error:
            build.end()
            self._note_failure(error)

    def _finish(self, build: Build) -> None:
        """Replace the scan by what was built; runs in the thread of the build."""
        try:
            multi = build.result()
            with self._lock:
                build.catch_up(multi)
                self._engine = multi
        except Exception as error:
            self._note_failure(error)
        finally:
            with self._lock:
                build.end()
                self._build = None

    def _note_failure(self, error: Exception) -> None:
        self._failure = error  # raised by `build`; searches simply go on scanning
        self._outlook.reason = f"Building one failed: {error!r}."
