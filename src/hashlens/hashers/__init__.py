"""Hashers: float vectors in, packed binary codes out; one paper a file."""

from hashlens.hashers.base import Hasher
from hashlens.hashers.registry import METHODS, create_hasher, hasher_class

__all__ = ["METHODS", "Hasher", "create_hasher", "hasher_class"]
