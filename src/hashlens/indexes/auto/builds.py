"""A multi-index that is built in a thread while searches and changes go on."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from weakref import WeakSet

from hashlens.arrays import Codes, Ids
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.native import stop_builds

_running: WeakSet[threading.Thread] = WeakSet()


class Build:
    """Builds a `MultiIndex` of the codes that a `LinearIndex` holds now.

    Changes made in the meantime are noted, and carried out on the result at the end.
    """

    def __init__(self, linear: LinearIndex) -> None:
        self._codes, self._ids = linear.snapshot()
        # Codes and ids that were added, or None and ids that were removed.
        self._changes: list[tuple[Codes | None, Ids]] = []
        self._thread: threading.Thread | None = None

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

    def note_added(self, codes: Codes, ids: Ids) -> None:
        """Note codes that were added since."""
        self._changes.append((codes.copy(), ids))

    def note_removed(self, ids: Ids) -> None:
        """Note ids that were removed since."""
        self._changes.append((None, ids.copy()))

    def result(self) -> MultiIndex:
        """Return the index of the codes at the start."""
        return MultiIndex.from_rows(self._codes, self._ids)

    def catch_up(self, index: MultiIndex) -> None:
        """Carry out the changes since on the index."""
        for codes, ids in self._changes:
            if codes is None:
                index.remove(ids)
            else:
                index.add(codes, ids)


# A thread that returns from native code after the interpreter is gone aborts the process.
@atexit.register
def _end_builds() -> None:
    stop_builds()
    for thread in list(_running):
        thread.join()
