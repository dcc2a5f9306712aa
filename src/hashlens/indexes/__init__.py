"""Indexes: packed codes in, exact nearest neighbors by Hamming distance out."""

from hashlens.indexes.auto.auto_index import AutoIndex
from hashlens.indexes.auto.planner import Plan
from hashlens.indexes.base import Index
from hashlens.indexes.components import Components, components_within
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.pairs import Pairs, pairs_within
from hashlens.indexes.search_result import SearchResult

__all__ = [
    "AutoIndex",
    "Components",
    "Index",
    "LinearIndex",
    "MultiIndex",
    "Pairs",
    "Plan",
    "SearchResult",
    "components_within",
    "pairs_within",
]
