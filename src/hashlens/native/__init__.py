"""The compiled kernels: Hamming scan and multi-index search."""

from hashlens.native.kernels import MAX_ID, Found, label_histograms, levels, scan
from hashlens.native.threads import thread_count

__all__ = ["MAX_ID", "Found", "label_histograms", "levels", "scan", "thread_count"]
