"""The contract of every index: packed codes in, exact neighbors out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.codes import MAX_BITS, check_bits
from hashlens.errors import DataError, ParameterError


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Neighbors of each query, ordered by (distance, id).

    Attributes
    ----------
    ids : int64 array of shape (queries, width)
        Width is k, or the largest count of a radius search. Rows are padded with −1.
    distances : int32 array of shape (queries, width), in bits
        Padded with −1.
    counts : int64 array of shape (queries,)
        How many entries of each row are neighbors; the rest is padding.
    """

    ids: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int32]
    counts: npt.NDArray[np.int64]


class Index(ABC):
    """Codes of ``bits`` bits with unique int64 ids ≥ 0; search is exact and deterministic.

    Results are ordered by (distance, id), so they are the same for every kind of index, thread
    count and machine. Any number of threads may search at once, but not while one of them changes
    or saves the index.
    """

    def __init__(self, bits: int) -> None:
        self.bits = check_bits(bits, type(self).__name__)

    @abstractmethod
    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes (n, bits / 8); ids default to the numbers that follow the largest so far.

        Raises
        ------
        DataError
            If codes have another dtype or shape, or an id repeats or is in the index already; then
            nothing was added.
        """

    @abstractmethod
    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; an id that is not there is an error."""

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
            Neighbors wanted, at most 2**31 − 1. Rows of an index that holds fewer are padded
            with −1.
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

    @abstractmethod
    def __len__(self) -> int:
        """Return how many codes the index holds."""


def concatenate(results: Sequence[SearchResult]) -> SearchResult:
    """Return the results of parts of a batch as one; narrower parts are padded with −1."""
    if len(results) == 1:
        return results[0]
    width = max(result.ids.shape[1] for result in results)
    pads = [((0, 0), (0, width - result.ids.shape[1])) for result in results]
    return SearchResult(
        np.concatenate(
            [np.pad(r.ids, p, constant_values=-1) for r, p in zip(results, pads, strict=True)]
        ),
        np.concatenate(
            [np.pad(r.distances, p, constant_values=-1) for r, p in zip(results, pads, strict=True)]
        ),
        np.concatenate([r.counts for r in results]),
    )


def bits_of(codes: Codes, caller: str) -> int:
    """Return the code length of an array of codes.

    Raises
    ------
    DataError
        If it has not the shape (n, bytes), with 1 to 64 bytes.
    """
    shape: tuple[int, ...] = np.shape(codes)
    if len(shape) != 2 or not 8 <= 8 * shape[1] <= MAX_BITS:
        raise DataError(
            f"{caller} expects packed codes: dtype uint8, shape (n, bits / 8), up to {MAX_BITS} "
            f"bits. Got shape {shape} instead."
        )
    return 8 * shape[1]


def check_k(k: int, caller: str, most: int | None = None) -> int:
    """Return ``k`` as an int.

    Raises
    ------
    ParameterError
        If it is not a positive integer, or larger than ``most``.
    """
    is_int = isinstance(k, (int, np.integer)) and not isinstance(k, bool)
    if not is_int or k < 1 or (most is not None and k > most):
        expected = "≥ 1" if most is None else f"from 1 to {most}"
        raise ParameterError(f"The 'k' parameter of {caller} must be an int {expected}. Got {k!r}.")
    return int(k)


def check_radius(radius: int, bits: int, caller: str) -> int:
    """Return ``radius`` as an int, at most ``bits``: no two codes are farther apart.

    Raises
    ------
    ParameterError
        If it is not a non-negative integer.
    """
    if isinstance(radius, bool) or not isinstance(radius, (int, np.integer)) or radius < 0:
        raise ParameterError(
            f"The 'radius' parameter of {caller} must be an int ≥ 0 (bits). Got {radius!r}."
        )
    return min(int(radius), bits)
