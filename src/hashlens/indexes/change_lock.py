"""Locks for those who change an index."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any
from weakref import WeakSet

_locks: WeakSet[Any] = WeakSet()


def change_lock() -> AbstractContextManager[Any]:
    """Return a lock that lets one thread at a time change an index, even more than once.

    A forked child has none of its parent's other threads. So the lock is free there, unless the
    thread that forked holds it.
    """
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def _free_after_fork() -> None:
    for lock in list(_locks):
        if lock.acquire(blocking=False):
            lock.release()
        else:  # as Python does with its own locks
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_after_fork)
