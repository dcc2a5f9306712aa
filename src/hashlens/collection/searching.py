"""Queries → hits: encode, look up, and re-rank by descriptors where asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Pixels, Vectors
from hashlens.collection.results import Hit
from hashlens.collection.store import Snapshot, Storage
from hashlens.errors import DataError, ImageError, ParameterError
from hashlens.files.records import Records
from hashlens.images import decode_batches, decode_image, fit_pixels, read_image_file
from hashlens.indexes import Index, SearchResult
from hashlens.indexes.arguments import check_k, check_radius
from hashlens.model.model import Model

Query = str | os.PathLike[str] | bytes | npt.NDArray[np.uint8]
"""A path; the content of an image file; or pixels, uint8 (height, width, 3)."""


DEFAULT_K = 10


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """What a search is to return; see `hashlens.collection.Collection.search`."""

    k: int | None = None
    radius: int | None = None
    rerank: bool = False
    candidates: int | None = None

    def checked(self, bits: int) -> SearchSpec:
        """Return it with defaults filled in.

        Raises
        ------
        ParameterError
            If k or candidates are below 1, or the radius is negative.
        """
        k = DEFAULT_K if self.k is None and self.radius is None else self.k
        if k is not None:
            k = check_k(k, "search")
        radius = None if self.radius is None else check_radius(self.radius, bits, "search")
        if self.candidates is None:
            return SearchSpec(k, radius, self.rerank, None if k is None else max(100, 10 * k))
        if not self.rerank or k is None or self.candidates < k:
            raise ParameterError(
                "The 'candidates' parameter of search needs rerank=True and must be at least k. "
                f"Got candidates={self.candidates!r}, k={k!r}, rerank={self.rerank!r}."
            )
        return SearchSpec(k, radius, self.rerank, self.candidates)


def encode_queries(model: Model, queries: Sequence[Query]) -> tuple[Codes, Vectors]:
    """Return codes, uint8 (n, bits / 8), and descriptors, float32 (n, D), of query images.

    Raises
    ------
    ImageError
        If an image can't be read; names it.
    """

    def load(query: Query) -> Pixels:
        try:
            return _pixels_of(query, model)
        except (ImageError, DataError) as error:
            raise ImageError(f"Can't use {_name_of(query)} as a query: {error}") from error

    codes, vectors = [], []
    for batch in decode_batches(load, queries):
        if batch.failed:
            raise ImageError(batch.failed[0][1])
        some_codes, some_vectors = model.encode_pixels(batch.pixels)
        codes.append(some_codes)
        vectors.append(some_vectors)
    return np.concatenate(codes), np.concatenate(vectors)


def find(
    storage: Storage,
    snapshot: Snapshot,
    index: Index,
    spec: SearchSpec,
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
    spec : SearchSpec
        Checked.
    codes : uint8 array of shape (queries, bits / 8)
    vectors : float32 array of shape (queries, descriptor_dim)
        Descriptors of the queries; used for re-ranking only.
    """
    descriptors = snapshot.descriptors if spec.rerank else None
    if spec.rerank and descriptors is None:
        raise ParameterError(
            "Re-ranking needs the descriptors of the images, and this collection keeps none. "
            "Make one that does with: hashlens index --keep-descriptors PATH..."
        )
    result = _nearest(index, spec, codes)
    hits = []
    for query, count in enumerate(result.counts):
        slots, distances = result.ids[query, :count], result.distances[query, :count]
        if spec.radius is not None and spec.k is not None:
            slots, distances = slots[distances <= spec.radius], distances[distances <= spec.radius]
        euclidean = None
        if descriptors is not None:
            euclidean = _euclidean(descriptors[slots], vectors[query])
            order = np.lexsort((slots, distances, euclidean))
            slots, distances, euclidean = slots[order], distances[order], euclidean[order]
        hits.append(_hits(storage, slots[: spec.k], distances, euclidean))
    return hits


def _nearest(index: Index, spec: SearchSpec, codes: Codes) -> SearchResult:
    if spec.k is None:
        return index.search_radius(codes, index.bits if spec.radius is None else spec.radius)
    wanted = spec.candidates if spec.rerank and spec.candidates is not None else spec.k
    # Results are padded to k, so k is kept to what there is.
    return index.search(codes, max(1, min(wanted, len(index))))


def _euclidean(candidates: Records, vector: Vectors) -> Vectors:
    """Equation (1) of the paper: distances of the candidates' descriptors to the query's."""
    distances: Vectors = np.linalg.norm(candidates.astype(np.float32) - vector, axis=1)
    return distances


def _hits(
    storage: Storage,
    slots: npt.NDArray[np.int64],
    distances: npt.NDArray[np.int32],
    euclidean: npt.NDArray[np.float32] | None,
) -> list[Hit]:
    rows = storage.catalog.by_slot(slots.tolist())
    return [
        Hit(
            rows[slot].path,
            int(distances[rank]),
            None if euclidean is None else float(euclidean[rank]),
            rows[slot].label,
        )
        for rank, slot in enumerate(slots.tolist())
    ]


def _pixels_of(query: Query, model: Model) -> Pixels:
    if isinstance(query, np.ndarray):
        return fit_pixels(query, model.fit)
    data = query if isinstance(query, bytes) else read_image_file(os.fspath(query)).data
    return decode_image(data, model.fit)


def _name_of(query: Query) -> str:
    if isinstance(query, np.ndarray):
        return "an array"
    return f"{len(query):,} bytes" if isinstance(query, bytes) else os.fspath(query)
