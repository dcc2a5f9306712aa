"""The index that chooses between a scan and multi-index hashing, and what it decides by."""

from hashlens.indexes.auto.auto_index import AutoIndex
from hashlens.indexes.auto.planner import Plan

__all__ = ["AutoIndex", "Plan"]
