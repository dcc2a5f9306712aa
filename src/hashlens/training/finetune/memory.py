"""Keep freed memory in the process while a network is tuned."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

# Of malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_DEFAULT_TRIM_THRESHOLD, _DEFAULT_MMAP_MAX = 128 * 2**10, 65_536
_NEVER = 2**31 - 1


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let glibc keep freed memory for the next tensor; do nothing on other systems.

    By default, glibc maps each large tensor separately and unmaps it when it is freed, so every
    layer of every step requests its pages from the system again. That took a fifth to a third of a
    step's time on a CPU. The memory is returned to the system at the end.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _DEFAULT_MMAP_MAX)
        libc.mallopt(_TRIM_THRESHOLD, _DEFAULT_TRIM_THRESHOLD)
        libc.malloc_trim(0)
