"""Update adds, renews and misses images; remove takes out what it is told, for good."""

import os

import pytest

from hashlens.collection import Collection
from hashlens.collection.store import storage as storage_module


def counts(report):
    return report.added, report.reused, report.unchanged, report.missing, len(report.unreadable)


def test_update_adds_renews_and_misses(collection, photos, picture):
    collection.index([photos])
    picture(photos / "new.png", seed=50)
    picture(photos / "a/00.png", seed=51)
    os.utime(photos / "a/00.png", (3, 3))
    (photos / "b/01.png").unlink()
    assert counts(collection.update()) == (2, 0, 10, 1, 0)
    assert counts(collection.update()) == (0, 0, 12, 1, 0)
    assert len(collection) == 12
    assert collection.verify() == []


def test_index_alone_drops_nothing(collection, photos):
    collection.index([photos])
    (photos / "b/01.png").unlink()
    assert counts(collection.index([photos])) == (0, 0, 11, 0, 0)
    assert len(collection) == 12


def test_files_that_can_not_be_seen_now_are_kept(collection, photos, monkeypatch):
    collection.index([photos])
    original_scandir, original_lstat, original_stat = os.scandir, os.lstat, os.stat

    def deny(original):
        def call(path, *arguments, **options):
            if str(path).startswith(str(photos / "a")):
                raise PermissionError(13, "Permission denied", path)
            return original(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "scandir", deny(original_scandir))
    monkeypatch.setattr(os, "lstat", deny(original_lstat))
    monkeypatch.setattr(os, "stat", deny(original_stat))
    monkeypatch.setattr(os, "open", deny(os.open))
    report = collection.update()
    monkeypatch.undo()
    assert report.missing == 0
    assert len(collection) == 12
    assert {path for path, _ in report.unreadable} >= {str(photos / "a/00.png")}
    assert counts(collection.update()) == (0, 0, 12, 0, 0)


def test_removed_images_stay_away_until_asked_for(collection, photos):
    collection.index([photos])
    report = collection.remove([photos / "a", photos / "b/01.png", photos / "unknown"])
    assert (report.removed, report.unknown) == (7, [str(photos / "unknown")])
    assert counts(collection.update()) == (0, 0, 5, 0, 0)
    assert counts(collection.index([photos])) == (0, 0, 5, 0, 0)
    assert counts(collection.index([photos / "a/02.png"])) == (1, 0, 0, 0, 0)
    assert counts(collection.index([photos / "a"])) == (5, 0, 1, 0, 0)
    assert counts(collection.update()) == (0, 0, 11, 0, 0)
    assert len(collection) == 11
    assert collection.info().excluded == [str(photos / "b/01.png")]


def test_removing_a_root_forgets_it(collection, photos):
    collection.index([photos])
    assert collection.remove([photos]).removed == 12
    assert collection.info().roots == []
    assert counts(collection.update()) == (0, 0, 0, 0, 0)
    assert all(path.exists() for path in (photos / "a", photos / "b"))


def test_a_name_that_begins_like_a_removed_folder_is_kept(collection, photos, picture):
    picture(photos / "a2/x.png", 80)
    picture(photos / "a.png", 81)
    collection.index([photos])
    assert collection.remove([photos / "a"]).removed == 6
    assert {str(photos / "a2/x.png"), str(photos / "a.png")} <= set(collection.paths())


def test_removed_images_are_not_found(collection, photos):
    collection.index([photos])
    collection.remove([photos / "a"])
    found = [hit.path for hit in collection.search(photos / "a/00.png", k=100)]
    assert sorted(found) == sorted(str(path) for path in (photos / "b").iterdir())


@pytest.fixture
def eager_compaction(monkeypatch):
    monkeypatch.setattr(storage_module, "_COMPACT_SLOTS", 3)


def test_compaction_keeps_all_that_is_alive(collection, photos, contents, eager_compaction, model):
    collection.index([photos])
    before = contents(collection)
    collection.remove([photos / "a"])
    files = {path.name: path.stat().st_size for path in collection.folder.glob("*.bin")}
    assert files == {
        "codes-000002.bin": 128 + 6 * 8,
        "descriptors-000002.bin": 128 + 6 * 2 * model.descriptor_dim,
    }
    kept = {path: known for path, known in before.items() if "/b/" in path}
    assert contents(collection) == kept
    assert collection.verify() == []
    collection.index([photos / "a"])
    assert contents(collection) == before
    assert collection.verify() == []
    collection.close()
    with Collection.open(collection.folder, model=model) as again:
        assert contents(again) == before


def test_readers_see_the_collection_as_it_was_and_then_as_it_is(
    collection, photos, eager_compaction, model, picture
):
    collection.index([photos])
    with Collection.open(collection.folder, model=model) as reader:
        with reader._storage.snapshot() as snapshot:
            codes = snapshot.codes.copy()
            picture(photos / "new.png", 60)
            collection.update()
            collection.remove([photos / "a"])
            assert snapshot.state.slots == 12
            assert reader._storage.catalog.found_count() == 12
            assert (snapshot.codes == codes).all()
        assert len(reader.search(photos / "a/00.png", k=100)) == 7
