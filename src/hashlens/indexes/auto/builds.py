"""A multi-index that is built in a thread while searches and changes go on."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from weakref import WeakSet

import numpy as np

from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.native import stop_calls

_running: WeakSet[threading.Thread] = WeakSet()


class Build:
    """Builds a `MultiIndex` of the codes that a `LinearIndex` holds now.

    What is changed in the meantime is found by comparing rows at the end, so the `LinearIndex`
    keeps the numbers of its rows until then.
    """

    def __init__(self, linear: LinearIndex) -> None:
        linear.keeps_rows = True
        self._linear = linear
        self._codes, self._ids = linear.snapshot()
        self._process = os.getpid()
        self._thread: threading.Thread | None = None

    @property
    def is_lost(self) -> bool:
        """Whether this process is a fork of the one that builds: it has no thread to do it."""
        return os.getpid() != self._process

    def start(self, run: Callable[[], None]) -> None:
        """Call ``run``, which is to call `result` and `catch_up`, in a thread.

        Raises
        ------
        RuntimeError
            If the system grants no thread.
        """
        # A daemon, so that it does not keep the process from ending.
        thread = threading.Thread(target=run, name="hashlens-index", daemon=True)
        thread.start()
        _running.add(thread)
        self._thread = thread

    def wait(self) -> None:
        """Wait until the thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def result(self) -> MultiIndex:
        """Return the index of the codes at the start."""
        return MultiIndex.from_rows(self._codes, self._ids)

    def catch_up(self, index: MultiIndex) -> None:
        """Carry out on the index what has changed since; nobody may change codes meanwhile."""
        codes, ids = self._linear.snapshot()
        before = self._ids.rows
        removed = ids.removed(0, before) & ~self._ids.removed()
        index.remove(ids.of(np.flatnonzero(removed)))
        added = before + np.flatnonzero(~ids.removed(before))
        index.add(codes[added], ids.of(added))
        index.number_from(ids.next_id)

    def end(self) -> None:
        """Leave the `LinearIndex` to itself again."""
        self._linear.keeps_rows = False


# What a build does between its calls of native code has to end as well.
@atexit.register
def _end_builds() -> None:
    stop_calls()
    for thread in list(_running):
        thread.join()
