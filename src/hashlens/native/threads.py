"""How many threads the native kernels use."""

from __future__ import annotations

import os
from functools import cache

from hashlens.errors import ParameterError

THREADS_VARIABLE = "HASHLENS_THREADS"


def thread_count() -> int:
    """Return the value of ``HASHLENS_THREADS``, else the number of cores this process may use.

    Raises
    ------
    ParameterError
        If the variable holds something else than a positive integer.
    """
    text = os.environ.get(THREADS_VARIABLE)
    if text is None or not text.strip():
        return _cores()
    try:
        count = int(text)
    except ValueError:
        count = 0
    if count < 1:
        raise ParameterError(
            f"The environment variable {THREADS_VARIABLE} must be a positive integer. "
            f"Got {text!r} instead; unset it to use all cores."
        )
    return count


@cache  # asking the system takes as long as a small search
def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
