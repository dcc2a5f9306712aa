"""The other tools that the search benchmark measures, each behind one call."""

from __future__ import annotations

import faiss
import numpy as np
from usearch.index import MetricKind
from usearch.index import search as usearch_search


def flat(codes):
    """Return faiss's exact scan as search(queries, k) -> (distances, ids)."""
    index = faiss.IndexBinaryFlat(8 * codes.shape[1])
    for start in range(0, len(codes), 1 << 22):
        index.add(np.ascontiguousarray(codes[start : start + (1 << 22)]))
    return index.search


def hash_index(codes, bits, flips):
    """Return faiss's hash of the first bits, probing all keys within some flips."""
    index = faiss.IndexBinaryHash(8 * codes.shape[1], bits)
    index.add(codes)
    index.nflip = flips
    return index.search


def multi_hash(codes, hashes, bits, flips):
    """Return faiss's multi-index hash with a fixed number of flips."""
    index = faiss.IndexBinaryMultiHash(8 * codes.shape[1], hashes, bits)
    index.add(codes)
    index.nflip = flips
    return index.search


def hnsw(codes, degree=16, effort=64):
    """Return faiss's graph search over binary codes."""
    index = faiss.IndexBinaryHNSW(8 * codes.shape[1], degree)
    index.hnsw.efConstruction = 40
    index.add(codes)
    index.hnsw.efSearch = effort
    return index.search


def usearch_exact(codes, threads):
    """Return usearch's exact search over packed codes."""

    def search(queries, k):
        found = usearch_search(codes, queries, k, MetricKind.Hamming, exact=True, threads=threads)
        return np.atleast_2d(found.distances), np.atleast_2d(found.keys)

    return search


def plain_numpy(codes):
    """Return a search with numpy alone: exclusive or, bit counts, partition."""
    words = codes.view(np.uint64) if codes.shape[1] % 8 == 0 else codes

    def search(queries, k):
        asked = queries.view(words.dtype)
        distances, ids = [], []
        for query in asked:
            apart = np.bitwise_count(words ^ query).sum(axis=1, dtype=np.int32)
            nearest = np.argpartition(apart, k)[:k]
            order = np.argsort(apart[nearest], kind="stable")
            ids.append(nearest[order])
            distances.append(apart[nearest[order]])
        return np.array(distances), np.array(ids)

    return search


def recall_by_distance(found, exact):
    """Return the share of found neighbors that are as near as the exact k-th (ties are safe)."""
    worst = exact.max(axis=1, keepdims=True)
    good = (found >= 0) & (found <= worst)
    return float(good.sum() / exact.size)
