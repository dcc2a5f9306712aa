"""The k-nearest-neighbor graph of a whole collection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.collection.indexed import CollectionIndex
from hashlens.collection.store import Snapshot, Storage
from hashlens.indexes.search_result import concatenate

_QUERIES_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class KnnGraph:
    """The nearest neighbors of each image among all others.

    Attributes
    ----------
    paths : list of str, of length n
        The images, in the order of their indexing.
    neighbors : int64 array of shape (n, min(k, n − 1))
        Positions in ``paths``, ordered by (distance, position). No image is its own neighbor.
    distances : int32 array of shape (n, min(k, n − 1)), in bits
    """

    paths: list[str]
    neighbors: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int32]


def build_knn_graph(
    storage: Storage, snapshot: Snapshot, collection_index: CollectionIndex, k: int
) -> KnnGraph:
    """Return the exact graph of a snapshot that is open; each distinct code is looked up once."""
    live = snapshot.live
    rows = storage.catalog.files.by_slot(live.tolist())
    paths = [rows[slot].path for slot in live.tolist()]
    width = min(k, len(live) - 1)
    if width < 1:
        none = np.empty((len(live), 0))
        return KnnGraph(paths, none.astype(np.int64), none.astype(np.int32))
    codes, members = np.unique(snapshot.codes[live], axis=0, return_inverse=True)
    index = collection_index.at(snapshot, len(codes))
    index.background = True  # As many queries as codes pay for an index, whatever it costs.
    batches = range(0, len(codes), _QUERIES_AT_ONCE)
    found = concatenate(
        [index.search(codes[start : start + _QUERIES_AT_ONCE], width + 1) for start in batches]
    )
    of_image = members.reshape(-1)
    slots, distances = found.ids[of_image], found.distances[of_image]
    others = slots != live[:, None]
    # Where more than k images share a code, an image may be missing among its own neighbors.
    others[others.all(axis=1), -1] = False
    shape = (len(live), width)
    neighbors = np.searchsorted(live, slots[others]).reshape(shape)
    return KnnGraph(paths, neighbors, distances[others].reshape(shape))
