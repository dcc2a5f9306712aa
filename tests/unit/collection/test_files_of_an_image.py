"""An image is its content: it may have several files, and a file several names."""

import os
import shutil

import pytest

from hashlens.errors import CollectionError


@pytest.fixture
def linked(collection, photos, tmp_path):
    """A symbolic link, a hard link, a copy, and a second root that leads to the first."""
    (photos / "best").mkdir()
    (photos / "best/link.png").symlink_to("../a/00.png")
    os.link(photos / "b/01.png", photos / "best/hard.png")
    shutil.copy(photos / "a/02.png", photos / "best/copy.png")
    (tmp_path / "shortcut").symlink_to("photos")
    collection.index([photos])
    return collection


def names(photos, *relative):
    return [str(photos / name) for name in relative]


def test_each_content_is_one_image(linked, photos):
    assert len(linked) == 12
    assert len(linked.paths()) == 15
    hit = linked.search(photos / "best/copy.png", k=1)[0]
    assert (hit.path, hit.others) == (
        str(photos / "a/02.png"),
        (str(photos / "best/copy.png"),),
    )


def test_a_file_is_never_its_own_duplicate(linked, photos, tmp_path):
    (group,) = linked.duplicates(0)
    assert group.paths == names(photos, "a/02.png", "best/copy.png")
    assert group.identical == [group.paths]
    assert group.links == {}
    linked.index([tmp_path / "shortcut"])
    (again,) = linked.duplicates(0)
    assert (again.paths, again.identical) == (group.paths, group.identical)
    assert again.links == {path: [path.replace("/photos/", "/shortcut/")] for path in group.paths}
    assert (len(linked), len(linked.paths())) == (12, 30)
    assert linked.update().unchanged == 30


def test_names_of_one_file_are_told_beside_it(linked, photos):
    (group,) = linked.duplicates(64)
    assert len(group.paths) == 13
    assert group.links == {
        str(photos / "a/00.png"): names(photos, "best/link.png"),
        str(photos / "b/01.png"): names(photos, "best/hard.png"),
    }
    assert group.identical == [names(photos, "a/02.png", "best/copy.png")]


def test_the_device_may_have_another_number_than_when_it_was_indexed(linked, photos):
    with linked._storage.changes() as catalog:
        for row in catalog.files.all(str(photos / "best")):
            catalog.files.put(row._replace(device=row.device + 1))
    (group,) = linked.duplicates(0)
    assert group.paths == names(photos, "a/02.png", "best/copy.png")


def test_an_image_goes_with_its_last_file(linked, photos):
    assert linked.remove([photos / "a/02.png"]).removed == 1
    assert len(linked) == 12
    assert linked.search(photos / "best/copy.png", k=1)[0].path == str(photos / "best/copy.png")
    assert linked.remove([photos / "best"]).removed == 3
    assert len(linked) == 11
    assert linked.verify() == []


def test_filters_admit_an_image_by_any_of_its_files(collection, photos):
    shutil.copy(photos / "a/00.png", photos / "b/copy.png")
    collection.index([photos], label_of=lambda path: os.path.basename(os.path.dirname(path)))
    hit = collection.search(photos / "a/00.png", k=1, under=photos / "b")[0]
    assert (hit.path, hit.label, hit.others) == (
        str(photos / "b/copy.png"),
        "b",
        (str(photos / "a/00.png"),),
    )
    assert collection.search(photos / "a/00.png", k=1, labels="b")[0] == hit


def test_contents_that_change_places_stay_one_image_each(collection, photos):
    collection.index([photos])
    first, second, third = (photos / name for name in ("a/00.png", "a/02.png", "b/01.png"))
    first.rename(photos / "spare.png")
    second.rename(first)
    third.rename(second)
    (photos / "spare.png").rename(third)
    for path in (first, second, third):
        os.utime(path, (7, 7))
    report = collection.update()
    assert (report.added, report.reused, report.missing, len(collection)) == (0, 3, 0, 12)
    assert all(collection.search(path, k=1)[0].path == str(path) for path in (first, second, third))
    assert collection.verify() == []


def test_moving_a_library_reads_nothing(collection, photos, tmp_path, monkeypatch):
    collection.index([photos], exclude=["*.tmp.png"])
    collection.remove([photos / "b/01.png"])
    (tmp_path / "new").mkdir()
    photos.rename(tmp_path / "new/place")
    report = collection.move(photos, tmp_path / "new/place")
    assert (report.files, report.roots) == (11, 2)
    monkeypatch.setattr("hashlens.collection.indexing.read_image_file", lambda path: 1 / 0)
    assert collection.update().unchanged == 11
    info = collection.info()
    assert info.roots == [str(tmp_path / "new/place")]
    assert info.excluded == [str(tmp_path / "new/place/b/01.png")]
    assert info.patterns == {str(tmp_path / "new/place"): ["*.tmp.png"]}
    assert all(path.startswith(str(tmp_path / "new/place")) for path in collection.paths())
    with pytest.raises(CollectionError, match="holds nothing at"):
        collection.move(photos, tmp_path)


def test_moving_into_itself_and_out_again(collection, photos):
    collection.index([photos])
    before = collection.paths()
    collection.move(photos, photos / "a")
    assert len(collection.paths()) == 12
    assert str(photos / "a/a/00.png") in collection.paths()
    collection.move(photos / "a", photos)
    assert collection.paths() == before
    assert collection.info().roots == [str(photos)]


def test_moving_to_where_other_images_are_known_is_refused(collection, photos):
    collection.index([photos])
    shutil.copy(photos / "b/01.png", photos / "a/copy.png")
    collection.index([photos])
    before = collection.paths()
    with pytest.raises(CollectionError, match="another image at"):
        collection.move(photos / "a/02.png", photos / "b/01.png")
    assert collection.paths() == before
    collection.move(photos / "a/copy.png", photos / "b/01.png")
    assert len(collection) == 12
    assert collection.verify() == []


def test_part_of_a_root_may_move_out_of_it(collection, photos, tmp_path):
    collection.index([photos])
    (photos / "a").rename(tmp_path / "apart")
    collection.move(photos / "a", tmp_path / "apart")
    assert collection.info().roots == [str(tmp_path / "apart"), str(photos)]
    assert collection.update().unchanged == 12


def test_what_a_pattern_hides_is_missing_and_comes_back(collection, photos):
    collection.index([photos])
    report = collection.index([photos], exclude=["/a/"])
    assert report.passed_over.counts == {"excluded": {"folder": 1}}
    report = collection.update()
    assert (report.unchanged, report.missing, len(collection)) == (6, 6, 6)
    assert collection.info().patterns == {str(photos): ["/a/"]}
    collection.index([photos], exclude=[""])
    assert (len(collection), collection.info().patterns) == (12, {})


def test_force_reads_what_kept_its_size_and_date(collection, photos, tmp_path):
    collection.index([photos])
    path = photos / "a/00.png"
    before = os.stat(path)
    content = (photos / "a/02.png").read_bytes()
    path.write_bytes(content)
    os.truncate(path, before.st_size)
    path.write_bytes(content[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert collection.update().unchanged == 12
    report = collection.update(force=True)
    assert (report.unchanged, report.reused) == (0, 11)
    assert report.added + len(report.unreadable) == 1
