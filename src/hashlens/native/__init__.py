"""The compiled kernels: Hamming scan, multi-index search, union-find."""

from hashlens.native.calls import stop_calls
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
    MAX_SEGMENT_ROWS,
    Segment,
    TableArrays,
    search_multi,
    threads_of_shells,
)
from hashlens.native.threads import thread_count
from hashlens.native.union_find import connected_components

__all__ = [
    "COSTS",
    "MAX_ID",
    "MAX_K",
    "MAX_KEY_BITS",
    "MAX_SEGMENT_ROWS",
    "Found",
    "Segment",
    "TableArrays",
    "connected_components",
    "label_histograms",
    "levels",
    "scan",
    "search_multi",
    "stop_calls",
    "thread_count",
    "threads_of_scan",
    "threads_of_shells",
]
