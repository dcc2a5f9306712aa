"""The contract of every index: packed codes in, exact neighbours out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.codes import Codes, check_bits


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Neighbours of each query, ordered by (distance, id).

    Attributes
    ----------
    ids : int64 array of shape (queries, width)
        Width is k, or the largest count of a radius search. Rows are padded with −1.
    distances : int32 array of shape (queries, width), in bits
        Padded with −1.
    counts : int64 array of shape (queries,)
        How many entries of each row are neighbours; the rest is padding.
    """

    ids: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]


class Index(ABC):
    """Codes of ``bits`` bits with unique int64 ids; search is exact and deterministic.

    Results are ordered by (distance, id), so they are the same for every kind of index, thread
    count and machine.
    """

    def __init__(self, bits: int) -> None:
        self.bits = check_bits(bits, type(self).__name__)

    @abstractmethod
    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes (n, bits / 8); ids default to the numbers that follow the largest so far."""

    @abstractmethod
    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; an id that is not there is an error."""

    @abstractmethod
    def search(self, codes: Codes, k: int) -> SearchResult:
        """Return the ``k`` nearest codes of each query."""

    @abstractmethod
    def search_radius(self, codes: Codes, radius: int) -> SearchResult:
        """Return all codes within ``radius`` bits of each query."""

    @abstractmethod
    def __len__(self) -> int:
        """Return how many codes the index holds."""
