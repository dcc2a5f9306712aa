"""The compiled kernels: Hamming scan and multi-index search."""

from hashlens.native.kernels import (
    MAX_ID,
    MAX_K,
    Found,
    label_histograms,
    levels,
    scan,
    threads_of_scan,
)
from hashlens.native.segments import (
    COSTS,
    MAX_KEY_BITS,
    Segment,
    TableArrays,
    search_multi,
    stop_builds,
    threads_of_shells,
)
from hashlens.native.threads import thread_count

__all__ = [
    "COSTS",
    "MAX_ID",
    "MAX_K",
    "MAX_KEY_BITS",
    "Found",
    "Segment",
    "TableArrays",
    "label_histograms",
    "levels",
    "scan",
    "search_multi",
    "stop_builds",
    "thread_count",
    "threads_of_scan",
    "threads_of_shells",
]
