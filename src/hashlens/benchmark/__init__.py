"""The benchmark of hashing methods: one resumable run, one table with all it takes to read it."""

from hashlens.benchmark.features import Features
from hashlens.benchmark.report import document, write_report
from hashlens.benchmark.runner import Listener, Progress, Results, run_benchmark
from hashlens.benchmark.selection import Budget
from hashlens.benchmark.settings import Settings
from hashlens.benchmark.summary import cells

__all__ = [
    "Budget",
    "Features",
    "Listener",
    "Progress",
    "Results",
    "Settings",
    "cells",
    "document",
    "run_benchmark",
    "write_report",
]
