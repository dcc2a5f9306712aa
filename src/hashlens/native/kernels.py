"""Typed entry points to the compiled kernels.

The kernels check only what memory safety requires; callers in `hashlens.indexes` check what users
pass. Every kernel releases the interpreter lock while it runs.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

import hashlens.native._native as _native
from hashlens.arrays import Bytes, Codes, Counts, Distances, Ids, Labels
from hashlens.codes import MAX_BITS, check_bits, check_codes
from hashlens.errors import DataError
from hashlens.native.threads import thread_count

Found: TypeAlias = tuple[Ids, Distances, Counts]
"""Ids and distances, both (queries, width) and padded with −1, and the number of each row."""

MAX_ID: int = _native.MAX_ID
"""The largest id: 2**54 − 1, so that (distance, id) fits into one 64-bit key."""

MAX_K: int = _native.MAX_K
"""The largest number of neighbors per query: 2**31 − 1."""


def levels() -> list[str]:
    """Return the kernel levels that this CPU supports, slowest first.

    Levels are ``portable`` (any CPU), ``popcnt`` and ``avx2``. Searches use the last one; choosing
    another is for tests and measurements.
    """
    return cast("list[str]", _native.levels())


def scan(
    codes: Codes,
    queries: Codes,
    k: int | None,
    *,
    radius: int = MAX_BITS,
    ids: Ids | None = None,
    ascending: bool = True,
    blocked: Bytes | None = None,
    threads: int | None = None,
    level: str = "",
) -> Found:
    """Compare every code with every query; return the nearest, ordered by (distance, id).

    Parameters
    ----------
    codes : uint8 array of shape (n, bytes), C-contiguous
        May be a read-only memory map; it is not copied.
    queries : uint8 array of shape (queries, bytes), C-contiguous
    k : int or None
        Maximum number of neighbors per query, up to `MAX_K`; None for all within ``radius``.
    radius : int
        Largest distance to return, in bits.
    ids : int64 array of shape (n,), or None
        Ids of the rows, each between 0 and `MAX_ID`; None if they are the row numbers.
    ascending : bool
        Whether ``ids`` ascend, which makes comparing ids at equal distances unnecessary.
    blocked : uint8 array of at least n / 8 bytes, or None
        One bit per row in ``numpy.packbits(..., bitorder="little")`` order: 1 = skip this row.
    threads : int or None
        Number of threads; by default `thread_count`.
    level : str
        One of `levels`; empty for the fastest.
    """
    reach = min(radius, 8 * codes.shape[1])
    found = _native.scan(
        codes, queries, k, reach, ids, ascending, blocked, threads or thread_count(), level
    )
    return cast("Found", found)


def threads_of_scan(codes: int, queries: int, threads: int) -> int:
    """Return how many of ``threads`` threads a scan of so many codes and queries uses."""
    return int(_native.threads_of_scan(codes, queries, threads))


def label_histograms(
    queries: Codes,
    database: Codes,
    query_labels: npt.ArrayLike,
    database_labels: npt.ArrayLike,
    bits: int,
    threads: int | None = None,
    *,
    level: str = "",
) -> tuple[Distances, Distances]:
    """Count, for every query, the database codes at each distance.

    This is all that a tie-aware metric needs to know about a ranking by Hamming distance.

    Parameters
    ----------
    queries : uint8 array of shape (queries, bits / 8)
    database : uint8 array of shape (n, bits / 8)
    query_labels : integers of shape (queries,)
    database_labels : integers of shape (n,)
    bits : int
        Code length.
    threads : int or None
        Number of threads; by default `thread_count`.
    level : str
        One of `levels`; empty for the fastest.

    Returns
    -------
    total : int32 array of shape (queries, bits + 1)
        ``total[q, d]`` is the number of database codes at distance d from query q.
    relevant : int32 array of shape (queries, bits + 1)
        The number of these that have the query's label.

    Raises
    ------
    ParameterError
        If ``bits`` is not a valid code length.
    DataError
        If an array has another dtype or shape.

    Examples
    --------
    >>> codes = np.array([[0b00000000], [0b00000001], [0b00000011]], dtype=np.uint8)
    >>> total, relevant = label_histograms(codes[:1], codes, [7], [7, 8, 7], bits=8)
    >>> total[0, :3], relevant[0, :3]
    (array([1, 1, 1], dtype=int32), array([1, 0, 1], dtype=int32))
    """
    caller = "label_histograms"
    check_bits(bits, caller)
    found = _native.label_histograms(
        check_codes(queries, bits, caller),
        check_codes(database, bits, caller),
        _check_labels(query_labels, len(queries), "query_labels"),
        _check_labels(database_labels, len(database), "database_labels"),
        threads or thread_count(),
        level,
    )
    return cast("tuple[Distances, Distances]", found)


def _check_labels(labels: npt.ArrayLike, count: int, name: str) -> Labels:
    array = np.asarray(labels)
    if array.shape != (count,) or (array.dtype.kind not in "iub" and count):
        raise DataError(
            f"label_histograms expects {name} to be {count} integers, shape ({count},). "
            f"Got dtype {array.dtype}, shape {array.shape} instead."
        )
    return np.ascontiguousarray(array, dtype=np.int64)
