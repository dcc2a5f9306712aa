"""Threads that build an index while searches go on, and that end before the interpreter does."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from weakref import WeakSet

from hashlens.native import stop_builds

_running: WeakSet[threading.Thread] = WeakSet()


def start_build(build: Callable[[], None]) -> threading.Thread:
    """Run ``build`` in a thread that does not keep the process from ending.

    Raises
    ------
    RuntimeError
        If the system grants no thread.
    """
    thread = threading.Thread(target=build, name="hashlens-index", daemon=True)
    thread.start()
    _running.add(thread)
    return thread


# A thread that comes back from native code after the interpreter is gone aborts the process.
@atexit.register
def _end_builds() -> None:
    stop_builds()
    for thread in list(_running):
        thread.join()
