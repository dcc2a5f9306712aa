"""What a walk leaves out is counted by reason and suffix."""

from importlib import import_module

import pytest

from hashlens.images import PassedOver, formats, walk_images
from hashlens.images.passed_over import EXCLUDED, HIDDEN, NO_DECODER, NO_IMAGE


@pytest.fixture
def without_photos(monkeypatch):
    """Pretend that the extra ``photos`` is not installed."""
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    own = formats.IMAGE_SUFFIXES - set(formats.suffixes_of_extra())
    monkeypatch.setattr(import_module("hashlens.images.walk"), "IMAGE_SUFFIXES", own)


@pytest.mark.usefixtures("without_photos")
def test_each_file_is_counted_under_its_reason(tmp_path):
    for name in (
        "a.png",
        "b.HEIC",
        "sub/c.heic",
        "d.nef",
        "e.mov",
        "none",
        ".hid.png",
        ".git/x.png",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "__MACOSX").mkdir()
    passed = PassedOver()
    assert list(walk_images([tmp_path], passed_over=passed)) == [str(tmp_path / "a.png")]
    assert passed.counts == {
        NO_DECODER: {".heic": 2, ".nef": 1},
        NO_IMAGE: {".mov": 1, "no suffix": 1},
        HIDDEN: {".png": 1, "folder": 1},
        EXCLUDED: {"folder": 1},
    }
    assert passed.unwanted == 5
    assert passed.lines() == [
        "2 .heic files passed over: pip install 'hashlens[photos]'",
        "1 .nef files passed over: pip install 'hashlens[photos]'",
        "2 files passed over that have no image suffix: 1 .mov, 1 no suffix",
    ]


def test_many_suffixes_are_told_in_one_line():
    passed = PassedOver()
    for number in range(9):
        for _ in range(number):
            passed.add(NO_IMAGE, f"name.{number}")
    (line,) = passed.lines()
    assert line.startswith("36 files")
    assert line.endswith("8 .8, 7 .7, 6 .6, 5 .5, 4 .4, ...")


def test_nothing_is_said_of_what_was_left_out_on_purpose():
    passed = PassedOver()
    passed.add(HIDDEN, ".a")
    passed.add(EXCLUDED, "b", is_folder=True)
    assert (passed.unwanted, passed.lines()) == (0, [])
