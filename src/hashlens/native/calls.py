"""At exit, calls of native code end before the interpreter does."""

from __future__ import annotations

import atexit

import hashlens.native._native as _native


# A thread that returns from native code after the interpreter is gone aborts the process.
@atexit.register
def stop_calls() -> None:
    """Refuse new searches and builds, make those that are running raise, and wait for them."""
    _native.stop_calls()
