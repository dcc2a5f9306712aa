"""Parameters for tests that run over hashing methods."""

from collections.abc import Iterable
from typing import Any

import pytest

from hashlens.hashers import METHODS

DEEP = {"dh", "sdh", "dlbhc", "autoencoder", "codebook"}
"""Methods that train with PyTorch."""


def each_method(names: Iterable[str] = METHODS) -> list[Any]:
    """Return parameters of which those that train with PyTorch are marked."""
    return [pytest.param(name, marks=[pytest.mark.torch] if name in DEEP else []) for name in names]
