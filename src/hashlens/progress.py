"""Callbacks by which long work says what it is doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its items are done, and how many it has in all."""

OnMessage: TypeAlias = Callable[[str], None]
"""Called with one line of text for people, without a line break."""


def no_progress(step: str, done: int, total: int) -> None:
    """Report nothing."""


def no_message(text: str) -> None:
    """Say nothing."""
