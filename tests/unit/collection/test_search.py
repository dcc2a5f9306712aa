"""Searching is exact, ordered by (distance, time of indexing), and checks its parameters."""

import os

import numpy as np
import pytest
from PIL import Image

from hashlens.codes import hamming_distance
from hashlens.collection import Collection
from hashlens.errors import DataError, ImageError, ParameterError
from hashlens.images import decode_image, read_image_file


@pytest.fixture
def filled(collection, photos):
    collection.index([photos])
    return collection


def naive(collection, path, model):
    """All (distance, slot) to a query, by a plain scan."""
    pixels = decode_image(read_image_file(str(path)).data, model.fit)
    code, vector = model.encode_pixels(pixels[None])
    with collection._storage.snapshot() as snapshot:
        distances = hamming_distance(snapshot.codes, code)
        euclidean = np.linalg.norm(snapshot.descriptors.astype(np.float32) - vector, axis=1)
        rows = collection._storage.catalog.files.by_slot(range(len(distances)))
    return [
        (rows[slot].path, int(distances[slot]), float(euclidean[slot]))
        for slot in np.argsort(distances, kind="stable")
    ]


def test_hits_are_those_of_a_plain_scan(filled, photos, model, picture):
    for query in [photos / "a/04.png", picture(photos.parent / "q.png", 123)]:
        expected = naive(filled, query, model)
        hits = filled.search(query, k=5)
        assert [(hit.path, hit.distance) for hit in hits] == [row[:2] for row in expected[:5]]
        assert all(hit.euclidean is None for hit in hits)


def test_radius_returns_all_within_and_k_limits_them(filled, photos, model):
    query = photos / "a/04.png"
    expected = naive(filled, query, model)
    radius = expected[6][1]
    within = [row[:2] for row in expected if row[1] <= radius]
    hits = filled.search(query, radius=radius)
    assert [(hit.path, hit.distance) for hit in hits] == within
    hits = filled.search(query, k=3, radius=radius)
    assert [(hit.path, hit.distance) for hit in hits] == within[:3]
    assert len(filled.search(query, k=10, radius=0)) == 1
    assert len(filled.search(query, radius=10_000)) == 12


def test_reranking_orders_the_candidates_by_euclidean_distance(filled, photos, model):
    query = photos / "b/05.png"
    by_code = naive(filled, query, model)
    hits = filled.search(query, k=4, rerank=True, candidates=6)
    expected = sorted(by_code[:6], key=lambda row: row[2])[:4]
    assert [hit.path for hit in hits] == [row[0] for row in expected]
    assert [hit.distance for hit in hits] == [row[1] for row in expected]
    np.testing.assert_allclose([hit.euclidean for hit in hits], [row[2] for row in expected])
    everything = filled.search(query, radius=64, rerank=True)
    assert [hit.path for hit in everything] == [
        row[0] for row in sorted(by_code, key=lambda row: row[2])
    ]


def test_reranking_needs_descriptors(tmp_path, photos, model):
    with Collection.create(tmp_path / "codes-only", model) as plain:
        plain.index([photos])
        with pytest.raises(ParameterError, match="--keep-descriptors"):
            plain.search(photos / "a/00.png", rerank=True)


def test_queries_are_paths_bytes_or_pixels(filled, photos):
    path = photos / "a/06.png"
    by_path = filled.search(str(path), k=3)
    assert filled.search(path, k=3) == by_path
    assert filled.search(path.read_bytes(), k=3) == by_path
    assert filled.search(np.asarray(Image.open(path)), k=3) == by_path


def test_many_queries_give_what_each_gives_alone(filled, photos):
    queries = sorted((photos / "a").iterdir())
    together = filled.search_many(queries, k=4)
    assert together == [filled.search(query, k=4) for query in queries]
    assert filled.search_many([]) == filled.search_many(iter(())) == []
    assert filled.search_many(iter(queries), k=4) == together


def test_one_image_and_several_are_told_apart(filled, photos):
    with pytest.raises(DataError, match=r"put it into a list"):
        filled.search_many(str(photos / "a/00.png"))
    with pytest.raises(ImageError, match="must be a path, .* Got list instead"):
        filled.search([photos / "a/00.png"])


def test_ten_hits_are_the_default(filled, photos):
    assert len(filled.search(photos / "a/00.png")) == 10


def test_k_beyond_the_size_returns_all(filled, photos):
    assert len(filled.search(photos / "a/00.png", k=10**12)) == 12


@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": -3},
        {"k": 1.5},
        {"radius": -1},
        {"radius": 0.5},
        {"k": 5, "candidates": 4, "rerank": True},
        {"k": 5, "candidates": 50},
    ],
)
def test_wrong_parameters_are_refused(filled, photos, wrong):
    with pytest.raises(ParameterError, match=f"'({'|'.join(wrong)})' parameter"):
        filled.search(photos / "a/00.png", **wrong)


def test_a_negative_radius_for_duplicates_is_refused(filled):
    with pytest.raises(ParameterError, match="radius"):
        filled.duplicates(-1)


def test_a_bad_query_is_named(filled, tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"text\.png as a query: not an image"):
        filled.search(tmp_path / "text.png")
    with pytest.raises(ImageError, match=r"missing\.png as a query: can't be read"):
        filled.search(tmp_path / "missing.png")
    with pytest.raises(ImageError, match="an array of shape .* as a query"):
        filled.search(np.zeros((4, 4), np.uint8))


def test_readers_search_while_a_writer_writes(filled, photos, model, picture):
    with Collection.open(filled.folder, model=model) as reader:
        assert len(reader.search(photos / "a/00.png", k=100)) == 12
        picture(photos / "new.png", 77)
        filled.update()
        assert len(reader.search(photos / "a/00.png", k=100)) == 13


def test_names_that_are_not_utf8_are_found(filled, photos):
    raw = os.path.join(os.fsencode(photos), b"caf\xe9.png")
    os.rename(photos / "a/00.png", raw)
    report = filled.update()
    assert (report.reused, report.missing, report.unreadable) == (1, 0, [])
    hit = filled.search(os.fsdecode(raw), k=1)[0]
    assert (os.fsencode(hit.path), hit.distance) == (raw, 0)
