"""Indexes: packed codes in, exact nearest neighbours by Hamming distance out."""

from hashlens.indexes.auto import AutoIndex
from hashlens.indexes.base import Index, SearchResult
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.pairs import Pairs, pairs_within
from hashlens.indexes.planner import Plan

__all__ = [
    "AutoIndex",
    "Index",
    "LinearIndex",
    "MultiIndex",
    "Pairs",
    "Plan",
    "SearchResult",
    "pairs_within",
]
