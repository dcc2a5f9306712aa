"""What a search asks of an index, beside its queries."""

from __future__ import annotations

from typing import NamedTuple

import numpy.typing as npt


class Request(NamedTuple):
    """Checked arguments of a search, in the order of `MultiIndex.search_checked`."""

    k: int | None
    """Number of neighbors per query; None for all within ``radius``."""
    radius: int
    allow: npt.ArrayLike | None
    deny: npt.ArrayLike | None
