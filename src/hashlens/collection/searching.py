"""Encoded queries → hits: look up, and re-rank by descriptors where asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Ids, Vectors
from hashlens.collection.results import Hit
from hashlens.collection.scope import Paths, all_absolute, is_below
from hashlens.collection.store import FileRow, Snapshot, Storage
from hashlens.errors import ParameterError
from hashlens.files.records import Records
from hashlens.indexes import Index, SearchResult
from hashlens.indexes.arguments import check_k, check_radius

DEFAULT_K = 10


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a search returns; the fields are the keywords of `Collection.search`, resolved.

    Attributes
    ----------
    k : int or None
        None for all within ``radius``.
    radius : int or None
        In bits.
    rerank : bool
    candidates : int or None
        How many are re-ranked; None for all within ``radius``.
    under : tuple of str or None
        Absolute paths.
    labels : tuple of str or None
    """

    k: int | None = None
    radius: int | None = None
    rerank: bool = False
    candidates: int | None = None
    under: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether only some images may be found."""
        return self.under is not None or self.labels is not None

    def admits(self, row: FileRow) -> bool:
        """Return whether a file is one that may be found."""
        if self.labels is not None and row.label not in self.labels:
            return False
        return self.under is None or any(is_below(row.path, folder) for folder in self.under)


def search_options(
    bits: int,
    k: int | None,
    radius: int | None,
    rerank: bool,
    candidates: int | None,
    under: Paths | None,
    labels: str | Sequence[str] | None,
) -> SearchOptions:
    """Return checked options, defaults filled in; see `Collection.search`.

    Raises
    ------
    ParameterError
        If k or candidates are below 1, or the radius is negative.
    """
    if k is None and radius is None:
        k = DEFAULT_K
    if k is not None:
        k = check_k(k, "search")
    if radius is not None:
        radius = check_radius(radius, bits, "search")
    if candidates is None:
        candidates = None if k is None else max(100, 10 * k)
    elif not rerank or k is None or candidates < k:
        raise ParameterError(
            "The 'candidates' parameter of search needs rerank=True and must be at least k. "
            f"Got candidates={candidates!r}, k={k!r}, rerank={rerank!r}."
        )
    folders = None if under is None else tuple(all_absolute(under))
    if labels is not None:
        labels = (labels,) if isinstance(labels, str) else tuple(labels)
    return SearchOptions(k, radius, rerank, candidates, folders, labels)


def find(
    storage: Storage,
    snapshot: Snapshot,
    index: Index,
    options: SearchOptions,
    codes: Codes,
    vectors: Vectors,
) -> list[list[Hit]]:
    """Return the hits of each query, in order.

    Parameters
    ----------
    storage : Storage
    snapshot : Snapshot
        Of ``storage``, and still open.
    index : Index
        Over exactly the images of ``snapshot``, by slot.
    options : SearchOptions
    codes : uint8 array of shape (queries, bits / 8)
    vectors : float32 array of shape (queries, descriptor_dim)
        Descriptors of the queries; used for re-ranking only.
    """
    descriptors = snapshot.descriptors if options.rerank else None
    if options.rerank and descriptors is None:
        raise ParameterError(
            "Re-ranking needs the descriptors of the images, and this collection keeps none. "
            "Make one that does with keep_descriptors=True (`hashlens index --keep-descriptors`)."
        )
    allow = None
    if options.is_filtered:
        allow = storage.catalog.files.slots_where(options.under, options.labels)
        if not len(allow):
            return [[] for _ in codes]
    result = _nearest(index, options, codes, allow)
    hits = []
    for query, count in enumerate(result.counts):
        slots, distances = result.ids[query, :count], result.distances[query, :count]
        if options.radius is not None and options.k is not None:
            near = distances <= options.radius
            slots, distances = slots[near], distances[near]
        euclidean = None
        if descriptors is not None:
            euclidean = _euclidean(descriptors[slots], vectors[query])
            order = np.lexsort((slots, distances, euclidean))
            slots, distances, euclidean = slots[order], distances[order], euclidean[order]
        hits.append(_hits(storage, options, slots[: options.k], distances, euclidean))
    return hits


def _nearest(index: Index, options: SearchOptions, codes: Codes, allow: Ids | None) -> SearchResult:
    if options.k is None:
        radius = index.bits if options.radius is None else options.radius
        return index.search_radius(codes, radius, allow=allow)
    wanted = options.candidates if options.rerank and options.candidates else options.k
    # Results are padded to k, so k is kept to what can be found.
    most = len(index) if allow is None else len(allow)
    return index.search(codes, max(1, min(wanted, most)), allow=allow)


def _euclidean(candidates: Records, vector: Vectors) -> Vectors:
    """Equation (1) of the paper: distances of the candidates' descriptors to the query's."""
    distances: Vectors = np.linalg.norm(candidates.astype(np.float32) - vector, axis=1)
    return distances


def _hits(
    storage: Storage,
    options: SearchOptions,
    slots: npt.NDArray[np.int64],
    distances: npt.NDArray[np.int32],
    euclidean: npt.NDArray[np.float32] | None,
) -> list[Hit]:
    names = storage.catalog.files.names_of(slots.tolist())
    hits = []
    for rank, slot in enumerate(slots.tolist()):
        shown = next(row for row in names[slot] if options.admits(row))
        hits.append(
            Hit(
                shown.path,
                int(distances[rank]),
                None if euclidean is None else float(euclidean[rank]),
                shown.label,
                tuple(row.path for row in names[slot] if row is not shown),
            )
        )
    return hits
