"""The benchmark of hashing methods: one resumable run, one table, and the facts it needs."""

from hashlens.benchmark.features import Features
from hashlens.benchmark.launch import run_benchmark
from hashlens.benchmark.result_document import curves, document
from hashlens.benchmark.runner import Results
from hashlens.benchmark.selection import Budget
from hashlens.benchmark.settings import Settings
from hashlens.benchmark.summary import cells
from hashlens.benchmark.writing import write_report

__all__ = [
    "Budget",
    "Features",
    "Results",
    "Settings",
    "cells",
    "curves",
    "document",
    "run_benchmark",
    "write_report",
]
