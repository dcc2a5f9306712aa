"""Whatever the codes, changes and queries: every index equals the naive scan."""

import copy
import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from search_cases import ManySegments, clumped_codes

from hashlens.codes import hamming_distance
from hashlens.indexes import AutoIndex, LinearIndex, MultiIndex, pairs_within


@st.composite
def sessions(draw):
    """A code length, few distinct codes near each other, and a series of adds and removes."""
    bits = draw(st.sampled_from([8, 16, 32, 40, 48, 64, 72, 128, 136, 264, 512]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    base = rng.random((draw(st.integers(1, 6)), bits)) < 0.5
    steps = []
    held: set[int] = set()
    for _ in range(draw(st.integers(1, 5))):
        count = draw(st.integers(0, 60))
        rows = base[rng.integers(0, len(base), count)]
        codes = np.packbits(
            rows ^ (rng.random((count, bits)) < draw(st.sampled_from([0, 0.02, 0.2]))), axis=1
        )
        free = np.setdiff1d(np.arange(400), sorted(held))
        ids = rng.permutation(free)[:count].astype(np.int64)
        held |= set(ids.tolist())
        gone = rng.permutation(sorted(held))[: draw(st.integers(0, len(held)))].astype(np.int64)
        held -= set(gone.tolist())
        steps.append((codes.reshape(count, bits // 8), ids, gone))
    queries = np.packbits(base ^ (rng.random(base.shape) < 0.1), axis=1)
    return bits, steps, queries, draw(st.integers(1, 90)), draw(st.integers(0, bits))


COPIES = [lambda index: index, copy.copy, copy.deepcopy, lambda i: pickle.loads(pickle.dumps(i))]


@given(sessions(), st.booleans(), st.data())
def test_every_index_equals_the_naive_scan(session, filtered, data):
    bits, steps, queries, k, radius = session
    indexes = [
        LinearIndex(bits),
        MultiIndex(bits),
        ManySegments(bits),
        AutoIndex(bits, background=False),
    ]
    held: dict[int, np.ndarray] = {}
    for step, (codes, ids, gone) in enumerate(steps):
        held |= dict(zip(ids.tolist(), codes, strict=True))
        held = {id_: code for id_, code in held.items() if id_ not in set(gone.tolist())}
        make_copy = data.draw(st.sampled_from(COPIES))
        originals, indexes = indexes, [make_copy(index) for index in indexes]
        for index in indexes:
            index.add(codes, ids)
            index.remove(gone)
        if step == 1:
            indexes[-1].build()
        for index in originals:  # which no copy looks at any more
            index.remove(index.ids if originals[0] is not indexes[0] else [])
    filters = {"allow": np.arange(0, 400, 2), "deny": np.arange(0, 400, 3)} if filtered else {}
    kept = sorted(i for i in held if not filtered or (i % 2 == 0 and i % 3))
    ids = np.array(kept, dtype=np.int64)
    codes = np.array([held[i] for i in kept], dtype=np.uint8).reshape(len(kept), bits // 8)
    distances = hamming_distance(queries[:, None], codes[None])
    for index in indexes:
        assert sorted(index.ids.tolist()) == sorted(held)
        np.testing.assert_array_equal(index.reconstruct(ids), codes)
    for q in range(len(queries)):
        order = np.lexsort((ids, distances[q]))
        near = order[distances[q][order] <= radius]
        for index in indexes:
            found = index.search(queries, k, **filters)
            count = int(found.counts[q])
            np.testing.assert_array_equal(found.ids[q, :count], ids[order[:k]])
            np.testing.assert_array_equal(found.distances[q, :count], distances[q][order[:k]])
            within = index.search_radius(queries, radius, **filters)
            count = int(within.counts[q])
            np.testing.assert_array_equal(within.ids[q, :count], ids[near])
            np.testing.assert_array_equal(within.distances[q, :count], distances[q][near])


@given(st.data())
def test_a_large_k_equals_the_naive_scan(data):
    bits = data.draw(st.sampled_from([32, 64, 72, 128]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    count = data.draw(st.integers(600, 4_000))
    flip = data.draw(st.sampled_from([0.02, 0.1, 0.5]))
    codes = clumped_codes(rng, count + 14, bits, data.draw(st.integers(1, 40)), flip)
    if data.draw(st.booleans()):  # as in a folder a class: what is near lies side by side
        codes = codes[np.lexsort(codes.T)]
    queries = codes[rng.permutation(len(codes))[: data.draw(st.sampled_from([1, 3, 14]))]]
    ids = np.arange(len(codes))
    if data.draw(st.booleans()):
        rng.shuffle(ids)
    k = data.draw(st.integers(100, count // 6))
    denied = ids[rng.random(len(ids)) < data.draw(st.sampled_from([0, 0.2, 0.7]))]
    distances = hamming_distance(queries[:, None], codes[None])
    linear, multi = LinearIndex(bits), MultiIndex(bits)
    multi.recent_limit = 1_000
    for index in (linear, multi):
        index.add(codes, ids)
    found = [
        linear.search(queries, k, deny=denied),
        multi.search(queries, k, deny=denied),
        multi.search_checked(queries, k, bits, deny=denied, budget=0.0)[0],
    ]
    kept = np.flatnonzero(~np.isin(ids, denied))
    for q in range(len(queries)):
        order = kept[np.lexsort((ids[kept], distances[q][kept]))[:k]]
        for result in found:
            count = int(result.counts[q])
            np.testing.assert_array_equal(result.ids[q, :count], ids[order])
            np.testing.assert_array_equal(result.distances[q, :count], distances[q][order])


@given(sessions())
def test_pairs_equal_those_of_the_distance_matrix(session):
    _, steps, _, _, radius = session
    codes = np.concatenate([codes for codes, _, _ in steps])
    distances = hamming_distance(codes[:, None], codes[None])
    first, second = np.nonzero(np.triu(distances <= radius, k=1))
    pairs = pairs_within(codes, radius)
    np.testing.assert_array_equal(pairs.first, first)
    np.testing.assert_array_equal(pairs.second, second)
    np.testing.assert_array_equal(pairs.distances, distances[first, second])
