"""Indexing reads and encodes what is new or changed, once, and nothing else."""

import os
import shutil

import numpy as np
import pytest

from hashlens.collection import Collection, indexing
from hashlens.errors import CollectionError
from hashlens.images import read_image_file


@pytest.fixture
def encoded(model, monkeypatch):
    """Count the images that the model is given."""
    counts = []
    original = type(model).encode_pixels

    def count(self, pixels):
        counts.append(len(pixels))
        return original(self, pixels)

    monkeypatch.setattr(type(model), "encode_pixels", count)
    return lambda: sum(counts)


@pytest.fixture
def read(monkeypatch):
    """List the files that indexing reads."""
    paths = []

    def spy(path):
        paths.append(path)
        return read_image_file(path)

    monkeypatch.setattr(indexing, "read_image_file", spy)
    return paths


def counts(report):
    return report.added, report.reused, report.unchanged, report.missing, len(report.unreadable)


def test_all_images_are_added(collection, photos, encoded):
    assert counts(collection.index([photos])) == (12, 0, 0, 0, 0)
    assert encoded() == 12
    assert len(collection) == 12
    assert collection.paths() == sorted(str(path) for path in photos.rglob("*.png"))


def test_codes_are_those_of_the_encoder_whatever_the_batches(collection, photos, model):
    collection.index([photos])
    for path in collection.paths():
        hit = collection.search(path, k=1)[0]
        assert (hit.path, hit.distance) == (path, 0)


def test_unchanged_images_are_neither_read_nor_encoded(collection, photos, encoded, read):
    collection.index([photos])
    read.clear()
    assert counts(collection.index([photos])) == (0, 0, 12, 0, 0)
    assert read == []
    assert encoded() == 12


def test_renamed_and_copied_images_are_not_encoded_again(collection, photos, encoded, contents):
    collection.index([photos])
    before = contents(collection)
    shutil.copy(photos / "a/00.png", photos / "copy.png")
    (photos / "b/01.png").rename(photos / "renamed.png")
    assert counts(collection.update()) == (0, 2, 11, 0, 0)
    assert (encoded(), len(collection)) == (12, 12)
    after = contents(collection)
    assert after[str(photos / "copy.png")][-1] == before[str(photos / "a/00.png")][-1]
    assert after[str(photos / "renamed.png")][-1] == before[str(photos / "b/01.png")][-1]
    assert str(photos / "b/01.png") not in collection.paths()
    hit = collection.search(photos / "renamed.png", k=1)[0]
    assert (hit.path, hit.others) == (str(photos / "renamed.png"), ())


def test_copies_within_one_run_are_encoded_once(collection, photos, encoded):
    for copy in range(50):
        shutil.copy(photos / "a/00.png", photos / f"copy{copy:02d}.png")
    report = collection.index([photos])
    assert counts(report) == (12, 50, 0, 0, 0)
    assert encoded() == 12


def test_copies_across_commits_are_counted_as_reused(collection, photos, encoded, monkeypatch):
    monkeypatch.setattr(indexing, "_COMMIT_IMAGES", 1)
    for copy in range(10):
        shutil.copy(photos / "a/00.png", photos / f"copy{copy:02d}.png")
    assert counts(collection.index([photos])) == (12, 10, 0, 0, 0)
    assert encoded() == 12


def test_touched_images_keep_their_slot(collection, photos, encoded):
    collection.index([photos])
    path = photos / "a/00.png"
    slot = collection._storage.catalog.files.get(str(path)).slot
    os.utime(path, (1, 1))
    assert counts(collection.index([photos])) == (0, 1, 11, 0, 0)
    row = collection._storage.catalog.files.get(str(path))
    assert (row.slot, row.mtime_ns) == (slot, 1_000_000_000)
    assert counts(collection.index([photos])) == (0, 0, 12, 0, 0)
    assert encoded() == 12


def test_changed_images_get_their_new_code_and_lose_the_old(collection, photos, picture, encoded):
    collection.index([photos])
    picture(photos / "a/00.png", seed=99)
    os.utime(photos / "a/00.png", (5, 5))
    query = picture(photos.parent / "query.png", seed=99)
    old = picture(photos.parent / "old.png", seed=0)
    assert counts(collection.index([photos])) == (1, 0, 11, 0, 0)
    assert (len(collection), encoded()) == (12, 13)
    assert collection.search(query, k=1)[0].distance == 0
    assert collection.search(old, k=1)[0].distance > 0


def test_an_image_that_changes_to_that_of_another(collection, photos, contents):
    collection.index([photos])
    shutil.copy(photos / "a/02.png", photos / "a/00.png")
    os.utime(photos / "a/00.png", (5, 5))
    assert counts(collection.index([photos])) == (0, 1, 11, 0, 0)
    after = contents(collection)
    assert after[str(photos / "a/00.png")][-1] == after[str(photos / "a/02.png")][-1]
    assert collection.verify() == []


def test_the_order_of_slots_is_that_of_the_walk(collection, photos, monkeypatch):
    monkeypatch.setattr(indexing, "_BATCH", 5)
    shutil.copy(photos / "a/00.png", photos / "a/01copy.png")
    (photos / "a/03bad.png").write_bytes(b"no picture")
    collection.index([photos])
    rows = [row for row in collection._storage.catalog.files.all() if row.slot is not None]
    # The copy is the same image.
    assert [row.slot for row in rows] == [0, 0, *range(1, 12)]


def test_progress_counts_every_file_once(collection, photos):
    (photos / "bad.png").write_bytes(b"no picture")
    for _ in range(2):
        calls: list[tuple[str, int, int]] = []

        def note(step, done, total, calls=calls):
            calls.append((step, done, total))

        collection.index([photos], on_progress=note)
        assert [done for _, done, _ in calls] == list(range(1, 14))
        assert {(step, total) for step, _, total in calls} == {("indexing", 13)}


def test_labels_are_kept(collection, photos):
    collection.index([photos], label_of=lambda path: os.path.basename(os.path.dirname(path)))
    hit = collection.search(photos / "b/01.png", k=1)[0]
    assert hit.label == "b"


def test_labels_that_are_not_utf8_are_kept(collection, photos):
    os.rename(photos / "b", os.path.join(os.fsencode(photos), b"caf\xe9"))
    collection.index([photos], label_of=lambda path: os.path.basename(os.path.dirname(path)))
    path = os.path.join(os.fsencode(photos), b"caf\xe9/01.png")
    hit = collection.search(os.fsdecode(path), k=1)[0]
    assert os.fsencode(hit.label) == b"caf\xe9"


def test_an_empty_folder_is_no_error(collection, tmp_path):
    (tmp_path / "empty").mkdir()
    assert counts(collection.index([tmp_path / "empty"])) == (0, 0, 0, 0, 0)
    assert collection.search(np.zeros((9, 9, 3), np.uint8), k=3) == []
    assert collection.duplicates(5) == []
    assert collection.verify() == []


def test_single_files_are_indexed_and_kept_up_to_date(collection, photos, picture):
    path = photos / "a/00.png"
    assert counts(collection.index([path, photos / "missing.png"])) == (1, 0, 0, 0, 1)
    picture(path, seed=70)
    os.utime(path, (9, 9))
    assert counts(collection.update()) == (1, 0, 0, 0, 0)
    path.unlink()
    for _ in range(2):
        assert counts(collection.update()) == (0, 0, 0, 1, 0)
    assert collection.info().roots == [str(path)]
    collection.prune()
    assert collection.info().roots == []
    assert counts(collection.update()) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("form", [str, os.fsencode, lambda path: path])
def test_a_single_path_is_one_path_and_not_its_letters(collection, photos, form):
    assert collection.index(form(photos)).added == 12
    report = collection.remove(form(photos / "a"))
    assert (report.removed, report.unknown) == (6, [])
    assert len(collection.search(photos / "b/01.png", under=form(photos))) == 6


def test_relative_paths_are_kept_absolute(collection, photos, monkeypatch):
    monkeypatch.chdir(photos)
    collection.index(["a", "../photos/b/01.png"])
    assert str(photos / "b/01.png") in collection.paths()
    monkeypatch.chdir("/")
    assert counts(collection.update()) == (0, 0, 7, 0, 0)


def test_a_collection_opened_for_reading_refuses_changes(collection, photos):
    collection.index([photos])
    with Collection.open(collection.folder) as reader:
        for change in (reader.update, lambda: reader.index([photos]), lambda: reader.remove([])):
            with pytest.raises(CollectionError, match="write=True"):
                change()
        assert len(reader) == 12


def test_reopened_it_is_the_same(collection, photos, contents, model):
    collection.index([photos])
    before = contents(collection)
    collection.close()
    with Collection.open(collection.folder, write=True, model=model) as again:
        assert contents(again) == before
        assert counts(again.index([photos])) == (0, 0, 12, 0, 0)
