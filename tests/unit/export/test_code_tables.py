"""Exported codes: the same images, bits and distances as in the collection."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pixel_model import pixel_model

from hashlens.codes import hamming_distance
from hashlens.collection import Collection
from hashlens.collection.store import Storage
from hashlens.errors import HashlensError, MissingExtraError, ParameterError
from hashlens.export import export_faiss, export_parquet

BITS = 16


@pytest.fixture
def collection(tmp_path):
    """Forty images of which ten are copies; distances tie, and some are removed again."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(40):
        rng = np.random.default_rng(number % 30)
        blocks = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((24, 24)).save(folder / f"{number:02}.png")
    name = os.fsdecode(os.fsencode(folder) + b"/\xff.png")
    Image.new("RGB", (24, 24), "red").save(tmp_path / "red.png")
    os.rename(tmp_path / "red.png", name)
    with Collection.create(tmp_path / "mine", pixel_model(BITS)) as made:
        made.index([folder], label_of=lambda path: Path(path).stem[:1])
        made.remove([folder / f"{number:02}.png" for number in (0, 7, 31)])
    return tmp_path / "mine"


@pytest.fixture
def storage(collection):
    opened = Storage(collection)
    yield opened
    opened.close()


def test_parquet_holds_every_image(storage, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with storage.snapshot() as snapshot:
        assert export_parquet(storage, snapshot, tmp_path / "codes.parquet") == 31
        table = parquet.read_table(tmp_path / "codes.parquet")
        rows = table.to_pylist()
        assert [row["slot"] for row in rows] == snapshot.live.tolist()
        for row in rows:
            known = storage.catalog.files.by_slot([row["slot"]])[row["slot"]]
            assert os.fsdecode(row["path_bytes"]) == known.path
            assert row["code"] == snapshot.codes[row["slot"]].tobytes()
            assert row["content"] == known.content
        assert sum(len(row["others"]) for row in rows) == 7  # copies that were not removed
        assert sum(row["path"].endswith("\\xff.png") for row in rows) == 1
        assert {row["label"] for row in rows if "\\xff" not in row["path"]} == set("0123")
        about = table.schema.metadata
        assert about[b"hashlens.bits"] == b"16"
        assert about[b"hashlens.model_digest"].decode() == snapshot.state.digest
        assert b"most significant" in about[b"hashlens.bit_order"]


def test_parquet_in_several_pieces(storage, tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    from hashlens.export import code_tables as exporting

    with storage.snapshot() as snapshot:
        export_parquet(storage, snapshot, tmp_path / "whole.parquet")
        monkeypatch.setattr(exporting, "ROWS", 7)
        export_parquet(storage, snapshot, tmp_path / "pieces.parquet")
    whole, pieces = (
        parquet.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "pieces")
    )
    assert whole.equals(pieces)


def test_faiss_has_our_distances_ids_and_ties(storage, collection, tmp_path):
    faiss = pytest.importorskip("faiss")
    with storage.snapshot() as snapshot:
        assert export_faiss(storage, snapshot, tmp_path / "codes.faiss") == 31
        live, codes = snapshot.live, np.array(snapshot.codes)
        index = faiss.read_index_binary(str(tmp_path / "codes.faiss"))
        assert index.ntotal == 31
        assert index.d == BITS
        ties = 0
        with Collection.open(collection, model=pixel_model(BITS)) as opened:
            for slot in live[:12]:
                query = codes[slot][None]
                row = storage.catalog.files.by_slot([int(slot)])[int(slot)]
                hits = opened.search(row.path, k=10)
                distances, ids = index.search(query, 10)
                assert distances[0].tolist() == [hit.distance for hit in hits]
                np.testing.assert_array_equal(hamming_distance(query, codes[ids[0]]), distances[0])
                # All that tie are within the radius; ordered by slot they are our answer.
                _, near, within = index.range_search(query, int(distances[0, -1]) + 1)
                order = np.lexsort((within, near))[:10]
                paths = storage.catalog.files.by_slot(within[order].tolist())
                assert [paths[int(i)].path for i in within[order]] == [h.path for h in hits]
                ties += len(np.unique(near)) < len(near)
        assert ties > 6


@pytest.mark.parametrize(
    ("export", "package"), [(export_parquet, "pyarrow"), (export_faiss, "faiss")]
)
def test_missing_package_names_the_command(export, package, storage, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with storage.snapshot() as snapshot, pytest.raises(MissingExtraError, match="pip install"):
        export(storage, snapshot, tmp_path / "out")


@pytest.mark.parametrize("export", [export_parquet, export_faiss])
def test_errors_leave_what_was_there(export, storage, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    pytest.importorskip("faiss")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"what was there")
    with storage.snapshot() as snapshot:
        with pytest.raises(ParameterError, match="not a file"):
            export(storage, snapshot, tmp_path / "folder")

        def fail(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(HashlensError, match="Free some space"):
            export(storage, snapshot, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"what was there"
    assert not list(tmp_path.glob(".file*"))
