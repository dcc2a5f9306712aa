"""Keep what Pillow says about odd files off stderr: the outcome is reported, or an `ImageError`."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Without any handler, Python prints a library's errors to stderr. Handlers of the application
# still see them.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_users = 0
_filters: warnings.catch_warnings[None] | None = None


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore warnings that Pillow's modules raise, and only those, in all threads inside.

    Python's warning filters belong to the process, and `warnings.catch_warnings` restores what it
    found: overlapping uses from several threads would leave the wrong filters behind. So the first
    user installs the filter and the last one takes it away.
    """
    global _users, _filters
    with _lock:
        _users += 1
        if _filters is None:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _filters is not None:
                _filters.__exit__(None, None, None)
                _filters = None
