"""What a search returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Counts, Distances, Ids


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Neighbors of each query, ordered by (distance, id).

    Attributes
    ----------
    ids : int64 array of shape (queries, width)
        The width is k, or the largest count of a radius search. Rows are padded with −1.
    distances : int32 array of shape (queries, width), in bits
        Padded with −1.
    counts : int64 array of shape (queries,)
        Number of neighbors in each row; the rest is padding.
    """

    ids: Ids
    distances: Distances
    counts: Counts


def concatenate(results: Sequence[SearchResult]) -> SearchResult:
    """Join the results of the parts of a batch; narrower parts are padded with −1."""
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
