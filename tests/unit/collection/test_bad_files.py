"""Bad files in a folder are named, skipped and counted; all others are indexed."""

import io
import os

import pytest
from PIL import Image

from hashlens.collection import indexing
from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import decode_image, read_image_file


def jpeg(size=(64, 64)):
    buffer = io.BytesIO()
    Image.effect_noise(size, 60).save(buffer, "JPEG")
    return buffer.getvalue()


def bomb():
    buffer = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("truncated.jpg", lambda: jpeg()[:700], "truncated"),
        ("text.png", lambda: b"this is a text\n" * 30, "not an image"),
        ("zero.png", lambda: b"", "empty"),
        ("bomb.png", bomb, "too large"),
    ],
)
def test_each_bad_file_is_named_and_the_rest_indexed(collection, photos, name, make, reason):
    (photos / "a" / name).write_bytes(make())
    for _ in range(2):  # The second time from memory.
        report = collection.index([photos])
        ((path, why),) = report.unreadable
        assert path == str(photos / "a" / name)
        assert reason in why
        assert len(collection) == 12
    assert report.unchanged == 12
    assert collection.failures() == [(path, why)]
    assert collection.info().failed == 1


def test_unchanged_bad_files_are_not_read_again_but_mended_ones_are(
    collection, photos, picture, monkeypatch
):
    bad = photos / "a/bad.png"
    bad.write_bytes(b"no picture")
    collection.index([photos])
    read = []
    monkeypatch.setattr(
        indexing, "read_image_file", lambda path: read.append(path) or read_image_file(path)
    )
    collection.index([photos])
    assert read == []
    picture(bad, seed=40)
    report = collection.index([photos])
    assert (report.added, report.unreadable, read) == (1, [], [str(bad)])
    assert collection.failures() == []


def test_an_image_that_becomes_bad_is_not_found_any_more(collection, photos):
    collection.index([photos])
    (photos / "a/00.png").write_bytes(b"ruined")
    report = collection.index([photos])
    assert [path for path, _ in report.unreadable] == [str(photos / "a/00.png")]
    assert len(collection) == 11
    assert collection.verify() == []


def test_an_unreadable_file_is_retried_each_time(collection, photos, monkeypatch):
    # Mocked, since root reads everything.
    secret = str(photos / "a/00.png")

    def read(path):
        if path == secret:
            raise ImageError("can't be read: permission denied")
        return read_image_file(path)

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "read_image_file", read)
        for _ in range(2):
            report = collection.index([photos])
            assert report.unreadable == [(secret, "can't be read: permission denied")]
            assert len(collection) == 11
    assert collection.index([photos]).added == 1
    assert len(collection) == 12


@pytest.mark.parametrize("known", [False, True])
def test_lack_of_memory_says_nothing_about_the_file(
    collection, photos, picture, monkeypatch, known
):
    path = photos / "a/00.png"
    if known:
        collection.index([photos])
        picture(path, 99)
        os.utime(path, (5, 5))

    def exhausted(data, fit):
        if data == path.read_bytes():
            raise ImageUnavailableError("there is not enough memory to decode it")
        return decode_image(data, fit)

    with monkeypatch.context() as patch:
        patch.setattr(indexing, "decode_image", exhausted)
        for _ in range(2):
            report = collection.index([photos])
            assert [where for where, _ in report.unreadable] == [str(path)]
            assert len(collection) == (12 if known else 11)
    assert collection.update().added == 1
    assert (len(collection), collection.failures()) == (12, [])


def test_another_version_of_the_software_tries_again(collection, photos, monkeypatch):
    (photos / "bad.png").write_bytes(b"no picture")
    collection.index([photos])
    read = []
    monkeypatch.setattr(
        indexing, "read_image_file", lambda path: read.append(path) or read_image_file(path)
    )
    monkeypatch.setattr(indexing, "reader_versions", lambda: "pillow 99")
    for _ in range(2):
        assert len(collection.update().unreadable) == 1
    assert read == [str(photos / "bad.png")]


def test_an_indexed_image_that_can_not_be_read_now_stays(collection, photos, monkeypatch):
    collection.index([photos])
    os.utime(photos / "a/00.png", (7, 7))

    def unreadable(path):
        raise ImageError("can't be read: input/output error")

    monkeypatch.setattr(indexing, "read_image_file", unreadable)
    report = collection.update()
    assert report.unreadable == [(str(photos / "a/00.png"), "can't be read: input/output error")]
    assert len(collection) == 12


def test_loops_of_links_end(collection, photos):
    (photos / "a/loop").symlink_to(photos)
    report = collection.index([photos])
    assert (report.added, report.unreadable) == (12, [])


def test_names_that_are_not_utf8_are_indexed_and_named_when_bad(collection, photos):
    good = os.path.join(os.fsencode(photos), b"good\xff.png")
    bad = os.path.join(os.fsencode(photos), b"bad\xfe.png")
    os.rename(photos / "a/00.png", good)
    with open(bad, "wb") as file:
        file.write(b"no picture")
    report = collection.index([photos])
    assert report.added == 12
    assert [os.fsencode(path) for path, _ in report.unreadable] == [bad]
    assert good in [os.fsencode(path) for path in collection.paths()]


def test_a_missing_folder_is_reported(collection, tmp_path):
    report = collection.index([tmp_path / "missing"])
    assert report.unreadable == [(str(tmp_path / "missing"), "no such file or folder")]
    assert collection.info().roots == []


def test_times_after_2262_are_no_obstacle(collection, photos):
    os.utime(photos / "a/00.png", ns=(1 << 63, 1 << 63))
    if os.stat(photos / "a/00.png").st_mtime_ns < 1 << 63:
        pytest.skip("the file system of the test clamps times itself")
    assert collection.index([photos]).added == 12
    assert collection.index([photos]).unchanged == 12
