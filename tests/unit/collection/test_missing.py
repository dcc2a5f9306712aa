"""Absence is no deletion: what can't be seen is missing, and back without being encoded."""

import os
import shutil
import time

import pytest

from hashlens.collection import Collection, missing
from hashlens.collection.indexed import CollectionIndex
from hashlens.collection.store import storage as storage_module
from hashlens.errors import CollectionError, ParameterError


@pytest.fixture
def library(tmp_path, picture):
    """Pictures in a root; in a folder behind a link below it; and on another file system below."""
    root = tmp_path / "mnt/nas"
    for seed in range(8):
        place = (root, root / "2019", tmp_path / "elsewhere", root / "usb")[seed % 4]
        picture(place / f"{seed}.png", seed)
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    return root


def empty_mount_point(root):
    root.rename(root.with_name("away"))
    root.mkdir()
    return lambda: (root.rmdir(), root.with_name("away").rename(root))


def missing_root(root):
    root.rename(root.with_name("away"))
    return lambda: root.with_name("away").rename(root)


def link_gone(root):
    target = root.parents[1] / "elsewhere"
    target.rename(target.with_name("away"))
    return lambda: target.with_name("away").rename(target)


def file_system_gone(root):
    (root / "usb").rename(root.with_name("usb"))
    (root / "usb").mkdir()
    return lambda: ((root / "usb").rmdir(), root.with_name("usb").rename(root / "usb"))


def no_encoding(*_):
    raise AssertionError("an image was encoded again")


@pytest.mark.parametrize(
    ("take_away", "lost"),
    [(empty_mount_point, 8), (missing_root, 8), (link_gone, 2), (file_system_gone, 2)],
)
def test_nothing_is_lost_and_nothing_encoded_again(
    collection, library, take_away, lost, contents, monkeypatch
):
    assert collection.index([library]).added == 8
    before, paths = contents(collection), collection.paths()
    bring_back = take_away(library)
    monkeypatch.setattr(type(collection.model), "encode_pixels", no_encoding)
    for _ in range(2):
        report = collection.update()
        assert (report.missing, report.added, report.reused) == (lost, 0, 0)
        assert report.unchanged == len(collection) == 8 - lost
        assert collection.verify() == []
    info = collection.info()
    assert (info.images, info.missing) == (8 - lost, lost)
    assert [(m.root, m.images, m.away) for m in info.missing_below] == [
        (str(library), lost, lost == 8)
    ]
    said = [path for path, _ in report.unreadable]
    assert said == ([str(library)] if lost == 8 else [])
    bring_back()
    report = collection.update()
    assert (report.missing, report.unchanged, report.unreadable) == (0, 8, [])
    assert contents(collection) == before
    assert collection.paths() == paths
    assert collection.info().missing_below == []


def test_missing_images_are_not_found_and_back_they_are(collection, photos, model):
    collection.index([photos])
    shutil.copy(photos / "a/00.png", photos.parent / "query.png")
    query = photos.parent / "query.png"
    with Collection.open(collection.folder, model=model) as reader:
        before = reader.search(query, k=20)
        (photos / "a").rename(photos.parent / "a")
        collection.update()
        for each in (collection, reader):
            found = each.search(query, k=20)
            assert found == [hit for hit in before if "/b/" in hit.path]
            assert each.search(query, k=20, under=photos / "a") == []
            assert each.knn_graph(20).paths == [p for p in each.paths() if "/b/" in p]
            assert all("/b/" in path for group in each.duplicates(64) for path in group.paths)
        (photos.parent / "a").rename(photos / "a")
        collection.update()
        assert reader.search(query, k=20) == collection.search(query, k=20) == before


@pytest.mark.parametrize("built_when", ["before", "while missing"])
def test_the_saved_index_follows(collection, photos, model, monkeypatch, built_when):
    monkeypatch.setattr(CollectionIndex, "worth_opening", 0)
    monkeypatch.setattr(CollectionIndex, "cost_of_opening", 0.0)
    collection.index([photos])
    query = shutil.copy(photos / "a/00.png", photos.parent / "query.png")
    before = collection.search(query, k=20)
    if built_when == "before":
        collection.build_index()
    (photos / "a").rename(photos.parent / "a")
    collection.update()
    if built_when == "while missing":
        collection.build_index()
    with Collection.open(collection.folder, model=model) as reader:
        for back in (False, True, False):
            if back != (photos / "a").exists():
                moved = (photos / "a", photos.parent / "a")
                os.rename(*(reversed(moved) if back else moved))
            collection.update()
            expected = before if back else [hit for hit in before if "/b/" in hit.path]
            assert reader.search(query, k=20) == collection.search(query, k=20) == expected
            assert collection.info().saved_index == "fresh"
            with reader._storage.snapshot() as snapshot:
                assert reader._index.at(snapshot, 1).is_built


def test_compaction_keeps_missing_images(collection, photos, contents, monkeypatch):
    monkeypatch.setattr(storage_module, "_COMPACT_SLOTS", 1)
    collection.index([photos])
    before = contents(collection)
    (photos / "a").rename(photos.parent / "a")
    collection.update()
    collection.remove(sorted((photos / "b").iterdir())[:4])
    assert (collection.folder / "codes-000002.bin").exists()
    assert collection.verify() == []
    assert collection.info().missing == 6
    (photos.parent / "a").rename(photos / "a")
    monkeypatch.setattr(type(collection.model), "encode_pixels", no_encoding)
    assert collection.update().unchanged == 8
    after = contents(collection)
    assert after == {path: before[path] for path in after}


def test_an_image_that_has_moved_is_not_missing(collection, photos):
    collection.index([photos])
    (photos / "a/00.png").rename(photos / "renamed.png")
    report = collection.update()
    assert (report.missing, report.reused, len(collection)) == (0, 1, 12)
    plan = collection.prune(dry_run=True)
    assert (plan.images, plan.files, plan.missing) == (0, 1, [])
    assert collection.prune() == plan
    assert len(collection) == 12
    (photos / "renamed.png").unlink()
    assert collection.update().missing == 1


def test_pruning_removes_what_is_missing_and_nothing_else(collection, photos, monkeypatch):
    collection.index([photos])
    now = time.time()
    (photos / "a/00.png").unlink()
    monkeypatch.setattr(missing.time, "time", lambda: now - 10 * 86400)
    collection.update()
    monkeypatch.setattr(missing.time, "time", lambda: now)
    (photos / "a/02.png").unlink()
    (photos / "b/01.png").unlink()
    collection.update()
    assert collection.prune(older_than=11, dry_run=True).images == 0
    plan = collection.prune(older_than=5, dry_run=True)
    assert (plan.images, len(collection.failures())) == (1, 0)
    assert plan.missing[0].root == str(photos)
    assert plan.missing[0].since.startswith(time.strftime("%Y-", time.gmtime(now - 10 * 86400)))
    assert collection.prune(older_than=5) == plan
    assert collection.info().missing == 2
    assert collection.prune(under=photos / "b").images == 1
    assert collection.prune(under=photos / "b").images == 0
    assert collection.prune().images == 1
    assert (len(collection), collection.info().missing) == (9, 0)
    assert collection.verify() == []


def test_pruning_looks_before_it_leaps(collection, photos):
    collection.index([photos])
    with pytest.raises(ParameterError, match="older_than"):
        collection.prune(older_than=-1)
    with Collection.open(collection.folder) as reader:
        assert reader.prune(dry_run=True).images == 0
        with pytest.raises(CollectionError, match="write=True"):
            reader.prune()


def test_a_path_that_leads_to_no_picture_any_more_is_said_once(collection, photos, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    for name in ("00", "02"):
        shutil.move(photos / f"a/{name}.png", store)
        (photos / f"a/{name}.png").symlink_to(store / f"{name}.png")
    collection.index([photos])
    (store / "00.png").unlink()
    (photos / "b/01.png").unlink()
    (photos / "b/01.png").mkdir()
    (photos / "b/03.png").unlink()
    os.mkfifo(photos / "b/03.png")
    (photos / "never.png").symlink_to("nowhere")
    ghosts = {str(photos / name) for name in ("a/00.png", "b/01.png", "b/03.png", "never.png")}
    report = collection.update()
    assert sorted(path for path, _ in report.unreadable) == sorted(ghosts)
    assert (report.missing, len(collection)) == (3, 9)
    for again in (collection.update(), collection.index([photos])):
        assert again.unreadable == []
        assert again.missing == 3
    assert {path for path, _ in collection.failures()} == ghosts
    assert ghosts.isdisjoint(collection.paths())
    shutil.copy(store / "02.png", store / "00.png")
    (photos / "b/01.png").rmdir()
    (photos / "b/03.png").unlink()
    (photos / "never.png").unlink()
    report = collection.update()
    assert (report.missing, report.unreadable) == (2, [])
    assert collection.failures() == []
    hit = collection.search(photos / "a/00.png", k=1)[0]
    assert (hit.path, hit.others) == (str(photos / "a/00.png"), (str(photos / "a/02.png"),))
