"""How long work tells what it has done so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its items are done, and how many it has in all."""


def no_progress(step: str, done: int, total: int) -> None:
    """Report nothing."""
