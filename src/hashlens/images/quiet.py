"""Keep Pillow's messages about unusual files off stderr; failures become an `ImageError` anyway."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Without any handler, Python prints a library's errors to stderr. The application's handlers still
# receive them.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_lock = threading.Lock()
_users = 0
_filters: warnings.catch_warnings[None] | None = None


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Ignore warnings that Pillow's modules raise, and only those, in all threads inside.

    Python's warning filters are global to the process, and `warnings.catch_warnings` restores those
    it found, so overlapping uses in several threads would leave the wrong filters behind. Therefore
    the first user installs the filter and the last one removes it.
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
