"""The compiled kernels: Hamming scan and multi-index search."""

from hashlens.native.kernels import MAX_ID, MAX_K, Found, label_histograms, levels, scan
from hashlens.native.segments import (
    MAX_KEY_BITS,
    Segment,
    TableArrays,
    search_multi,
    stop_builds,
)
from hashlens.native.threads import thread_count

__all__ = [
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
]
