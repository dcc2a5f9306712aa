"""Indexes: packed codes in, exact nearest neighbours by Hamming distance out."""

from hashlens.indexes.base import Index, SearchResult
from hashlens.indexes.linear import LinearIndex
from hashlens.indexes.multi_index import MultiIndex
from hashlens.indexes.pairs import Pairs, pairs_within

__all__ = ["Index", "LinearIndex", "MultiIndex", "Pairs", "SearchResult", "pairs_within"]
