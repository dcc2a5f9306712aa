"""Typed entry point to the compiled union-find."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

import hashlens.native._native as _native
from hashlens.arrays import Labels, Rows
from hashlens.errors import DataError, ParameterError


def connected_components(count: int, first: npt.ArrayLike, second: npt.ArrayLike) -> Labels:
    """Label the connected components of an undirected graph.

    Parameters
    ----------
    count : int
        Number of nodes, which are numbered from 0.
    first, second : integers of shape (edges,)
        The two nodes that each edge connects.

    Returns
    -------
    int64 array of shape (count,)
        Connected nodes share a label. Labels count from 0 in the order of the components' smallest
        nodes.

    Raises
    ------
    ParameterError
        If ``count`` is not a non-negative integer.
    DataError
        If ``first`` and ``second`` are not integers of one shape (edges,), or a node is not between
        0 and ``count`` − 1.

    Notes
    -----
    A union-find over all edges: union by size with path halving.

    References
    ----------
    R. E. Tarjan, J. van Leeuwen, "Worst-case analysis of set union algorithms", Journal of the ACM
    31 (2), 1984.

    Examples
    --------
    >>> connected_components(5, first=[0, 3], second=[2, 4]).tolist()
    [0, 1, 0, 2, 2]
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or count < 0:
        raise ParameterError(
            f"The 'count' parameter of connected_components must be an int ≥ 0. Got {count!r}."
        )
    ends = [_check_nodes(nodes, int(count)) for nodes in (first, second)]
    if ends[0].shape != ends[1].shape:
        raise DataError(
            "connected_components expects two nodes for each edge. "
            f"Got {len(ends[0])} in 'first' and {len(ends[1])} in 'second'."
        )
    return cast("Labels", _native.connected_components(int(count), *ends))


def _check_nodes(nodes: npt.ArrayLike, count: int) -> Rows:
    array = np.asarray(nodes)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        raise DataError(
            "connected_components expects nodes as integers of shape (edges,). "
            f"Got dtype {array.dtype}, shape {array.shape} instead."
        )
    if array.size and (array.min() < 0 or array.max() >= count):
        raise DataError(
            f"connected_components expects nodes from 0 to {count - 1}. "
            f"Got {array.min()} to {array.max()} instead."
        )
    return np.ascontiguousarray(array, dtype=np.int64)
