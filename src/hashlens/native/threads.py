"""The number of threads that kernels, decoding and descriptors use."""

from __future__ import annotations

import os
from functools import cache

import hashlens.native._native as _native
from hashlens.errors import ParameterError

THREADS_VARIABLE = "HASHLENS_THREADS"


def thread_count() -> int:
    """Return the value of ``HASHLENS_THREADS``, or else the number of cores this process may use.

    Raises
    ------
    ParameterError
        If the variable is not a positive integer.
    """
    count = int(_native.positive_setting(THREADS_VARIABLE))
    if count < 0:
        raise ParameterError(
            f"The environment variable {THREADS_VARIABLE} must be a positive integer. "
            f"Got {os.environ.get(THREADS_VARIABLE)!r} instead; unset it to use all cores."
        )
    return count or _cores()


@cache  # asking the system takes as long as a small search
def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
