"""The contract of every index: packed codes in, exact neighbors out."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Self

import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import check_bits
from hashlens.indexes.search_result import SearchResult


class Index(ABC):
    """Codes of ``bits`` bits with unique int64 ids ≥ 0; search is exact and deterministic.

    Results are ordered by (distance, id), so they are the same for every kind of index, thread
    count and machine.

    Any number of threads may search, change and save an index at once. Changes are made one after
    the other, and a search gives the answer from before a change or from after it. A change that
    fails, for whatever reason, leaves the index as it was.

    Indexes can be pickled and copied. A copy holds the same codes and ids, gives the same answers,
    and changes independently of the original.
    """

    def __init__(self, bits: int) -> None:
        self.bits = check_bits(bits, type(self).__name__)

    @abstractmethod
    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes (n, bits / 8); ids default to the numbers that follow the largest so far.

        Raises
        ------
        DataError
            If the codes have another dtype or shape, or an id repeats or is in the index already;
            then nothing is added.
        """

    @abstractmethod
    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``.

        Raises
        ------
        DataError
            If an id is not in the index, or repeats; then nothing is removed.
        """

    @abstractmethod
    def search(
        self,
        codes: Codes,
        k: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return the ``k`` nearest codes of each query.

        Parameters
        ----------
        codes : uint8 array of shape (queries, bits / 8)
        k : int
            Number of neighbors per query, at most 2**31 − 1. Where the index holds fewer, rows are
            padded with −1.
        allow : integers of shape (a,), or None
            Only these ids may be found; ids that the index does not hold are ignored.
        deny : integers of shape (d,), or None
            These ids may not be found, even if allowed.
        """

    @abstractmethod
    def search_radius(
        self,
        codes: Codes,
        radius: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return all codes within ``radius`` bits of each query; filters as in `search`."""

    @property
    @abstractmethod
    def ids(self) -> Ids:
        """Ids of all codes, in the order in which they were added: a new int64 array (n,)."""

    @abstractmethod
    def reconstruct(self, ids: npt.ArrayLike) -> Codes:
        """Return the codes of ``ids``, in their order: a new uint8 array (n, bits / 8).

        Raises
        ------
        DataError
            If an id is not in the index.
        """

    @abstractmethod
    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the codes, their ids and what is built to one file; `load` reads it.

        Parameters
        ----------
        path : path of the file
            It is replaced atomically if it exists.
        source : str
            Names the codes that the index was built from; `load` refuses any other.

        Raises
        ------
        HashlensError
            If it can't be written, for instance because the disk is full. What was there before is
            unchanged.
        """

    @classmethod
    @abstractmethod
    def load(cls, path: str | os.PathLike[str], *, source: str = "", map: bool = True) -> Self:
        """Return the index that `save` wrote, verified.

        Parameters
        ----------
        path : path of the file
        source : str
            That of `save`.
        map : bool
            Whether to map the file into memory, which processes share, or to read it. A mapped file
            must stay as it is until nobody uses the index; `save` may replace it, as any program
            may that writes another file and renames it. If a mapped file is written to in place,
            searches may give wrong answers. If it is cut short, the system ends the process
            (SIGBUS). An index that was read depends on its file no longer.

        Raises
        ------
        FormatError
            If the file can't be read, is damaged, holds another kind of index or a newer version of
            the format, or was built from another ``source``.
        """

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of codes."""

    @abstractmethod
    def __contains__(self, id: object) -> bool:
        """Return whether the index holds a code with this id."""

    def __repr__(self) -> str:
        parts = [f"{self.bits} bits", f"{len(self):,} codes", self._built()]
        return f"<{type(self).__name__}: {', '.join(filter(None, parts))}>"

    def _built(self) -> str:
        """Return what is built to search the codes, for `repr`."""
        return ""
