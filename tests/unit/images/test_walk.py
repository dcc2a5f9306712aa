"""Walking finds each image once, in a fixed order, and never runs in circles."""

import inspect
import os
import sys

import pytest

from hashlens.images.walk import walk_images


@pytest.fixture
def tree(tmp_path):
    """Folders with images and other files; the contents do not matter here."""
    for name in ("b/2.png", "b/1.JPG", "a/z.webp", "a/deep/er/x.tiff", "c.gif", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path


def names(found, root):
    return [os.path.relpath(path, root) for path in found]


def test_images_are_found_by_suffix_in_sorted_order(tree):
    assert names(walk_images([tree]), tree) == [
        "a/deep/er/x.tiff",
        "a/z.webp",
        "b/1.JPG",
        "b/2.png",
        "c.gif",
    ]


def test_explicit_files_are_taken_whatever_their_suffix(tree):
    assert names(walk_images([tree / "notes.txt", tree / "c.gif"]), tree) == ["notes.txt", "c.gif"]


def test_each_image_once_though_its_folders_overlap(tree):
    found = names(walk_images([tree / "b", tree, tree / "b/1.JPG"]), tree)
    assert sorted(found) == sorted(set(found))
    assert len(found) == 5


def test_hidden_names_are_passed_over_unless_explicit(tree):
    hidden = tree / ".cache"
    hidden.mkdir()
    (hidden / "thumb.png").write_bytes(b"")
    (tree / "a/._z.webp").write_bytes(b"")
    assert len(list(walk_images([tree]))) == 5
    assert names(walk_images([hidden]), tree) == [".cache/thumb.png"]


def test_loops_of_links_end(tree):
    (tree / "a/deep/up").symlink_to(tree)
    (tree / "b/self").symlink_to(tree / "b")
    assert len(list(walk_images([tree]))) == 5


def test_linked_folders_are_walked_once_and_last(tree, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "o.png").write_bytes(b"")
    (tree / "a/link1").symlink_to(outside)
    (tree / "b/link2").symlink_to(outside)
    found = names(walk_images([tree]), tree)
    assert found[-1] == "a/link1/o.png"
    assert len(found) == 6


def test_links_to_files_count_and_broken_ones_are_reported(tree):
    (tree / "l.png").symlink_to(tree / "c.gif")
    (tree / "broken.png").symlink_to(tree / "nowhere")
    errors = []
    found = names(walk_images([tree], lambda *error: errors.append(error)), tree)
    assert "l.png" in found
    assert errors == [(str(tree / "broken.png"), "no such file or folder")]


def test_names_that_are_not_utf8(tree):
    raw = os.path.join(os.fsencode(tree), b"caf\xe9.png")
    with open(raw, "wb"):
        pass
    found = [os.fsencode(path) for path in walk_images([tree])]
    assert raw in found
    assert [os.fsencode(path) for path in walk_images([raw])] == [raw]


def test_what_does_not_exist_or_is_a_pipe_is_reported(tree):
    os.mkfifo(tree / "pipe.png")
    errors = []
    found = list(
        walk_images(
            [tree / "missing", tree / "pipe.png", tree], lambda *error: errors.append(error)
        )
    )
    assert len(found) == 5
    assert errors == [
        (str(tree / "missing"), "no such file or folder"),
        (str(tree / "pipe.png"), "neither a regular file nor a folder"),
        (str(tree / "pipe.png"), "not a regular file"),
    ]


def test_an_unreadable_folder_is_reported_and_the_others_walked(tree, monkeypatch):
    # Mocked, since root reads everything.
    original = os.scandir

    def scandir(path):
        if os.path.basename(path) == "b":
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    errors = []
    found = names(walk_images([tree], lambda *error: errors.append(error)), tree)
    assert found == ["a/deep/er/x.tiff", "a/z.webp", "c.gif"]
    assert errors == [(str(tree / "b"), "permission denied")]


def test_skipped_folders_are_not_entered(tree):
    skip = {str(tree / "a"), str(tree / "c.gif")}
    assert names(walk_images([tree], skip=skip.__contains__), tree) == ["b/1.JPG", "b/2.png"]


def test_an_empty_folder_gives_nothing(tmp_path):
    assert list(walk_images([tmp_path])) == []


def test_folders_may_be_deeper_than_python_recurses(tmp_path):
    folder = tmp_path.joinpath(*"d" * 300)
    folder.mkdir(parents=True)
    (folder / "x.png").write_bytes(b"")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = list(walk_images([tmp_path]))
    finally:
        sys.setrecursionlimit(limit)
    assert found == [str(folder / "x.png")]
