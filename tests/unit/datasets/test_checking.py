"""What is found in labeled data before training, and what is left out of it."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from hashlens.datasets.checking import check_dataset
from hashlens.datasets.opening import load_dataset
from hashlens.errors import DataError


def picture(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def fill(folder, counts, first=0):
    """Write different pictures, so many per class."""
    for name, count in counts.items():
        for index in range(count):
            picture(folder / name / f"{index}.png", first + index)
        first += 1000


def names(images):
    return {images.name(index) for index in range(len(images))}


def test_data_without_faults_are_counted_and_kept_whole(tmp_path):
    fill(tmp_path, {"cat": 20, "dog": 12, "owl": 5})
    data, check = check_dataset(load_dataset(tmp_path))
    assert (len(data.train), len(data.test)) == check.images == (30, 7)
    assert check.classes == {"cat": (16, 4), "dog": (10, 2), "owl": (4, 1)}
    assert check.spread == (5, 12.0, 20)
    assert check.rare == {"owl": 4}
    assert check.losses() == []
    assert check.lines()[0].endswith("30 to train on, 7 to test with; 5 to 20 per class, median 12")
    check.check_limit(0)
    whole = load_dataset(tmp_path)
    np.testing.assert_array_equal(data.train.labels, whole.train.labels)
    assert [data.test.read(i) for i in range(7)] == [whole.test.read(i) for i in range(7)]
    assert [data.test.content_key(i) for i in range(7)] == [
        whole.test.content_key(i) for i in range(7)
    ]


def test_of_classes_of_one_size_one_number_is_said(tmp_path):
    fill(tmp_path, {"cat": 5, "dog": 5})
    _, check = check_dataset(load_dataset(tmp_path))
    assert check.lines()[0].endswith("; 5 per class")


def test_every_content_is_used_once_in_the_training_part_where_it_is_there(tmp_path):
    fill(tmp_path / "train", {"a": 6, "b": 6})
    fill(tmp_path / "test", {"a": 3, "b": 3}, first=5000)
    inner, crossing = tmp_path / "train" / "a" / "copy.png", tmp_path / "test" / "a" / "copy.png"
    for copy in (inner, crossing):
        copy.write_bytes((tmp_path / "train" / "a" / "2.png").read_bytes())
    data, check = check_dataset(load_dataset(tmp_path))
    original = str(tmp_path / "train" / "a" / "2.png")
    assert check.copies == ((str(inner), original),)
    assert check.crossing == ((str(crossing), original),)
    assert (len(data.train), len(data.test)) == (12, 6)
    assert original in names(data.train)
    assert not {str(inner), str(crossing)} & (names(data.train) | names(data.test))
    keys = [{part.content_key(i) for i in range(len(part))} for part in (data.train, data.test)]
    assert not keys[0] & keys[1]


def test_an_image_in_two_classes_is_left_out_and_both_are_named(tmp_path):
    fill(tmp_path, {"cat": 20, "dog": 20})
    twin = tmp_path / "dog" / "twin.png"
    twin.write_bytes((tmp_path / "cat" / "3.png").read_bytes())
    data, check = check_dataset(load_dataset(tmp_path))
    (conflict,) = check.conflicts
    assert set(conflict.images) == {str(tmp_path / "cat" / "3.png"), str(twin)}
    assert sorted(conflict.labels) == ["cat", "dog"]
    assert not set(conflict.images) & (names(data.train) | names(data.test))
    (line,) = check.losses()
    assert re.search(r"cat/3\.png \(cat\)", line)
    assert re.search(r"dog/twin\.png \(dog\)", line)
    with pytest.raises(DataError, match=r"2 of 41 .* 2 have contradicting labels.*twin\.png"):
        check.check_limit(0.04)


def test_images_that_can_not_be_decoded_are_named_and_too_many_refused(tmp_path):
    fill(tmp_path, {"a": 10, "b": 10})
    for number in range(3):
        (tmp_path / "a" / f"bad{number}.png").write_bytes(b"no picture" + bytes([number]))
    _, unseen = check_dataset(load_dataset(tmp_path))
    assert unseen.unreadable == ()
    data, check = check_dataset(load_dataset(tmp_path), decode=True)
    assert len(check.unreadable) == 3
    assert len(data.train) + len(data.test) == 20
    assert sum("bad" in line for line in check.lines()) == 3
    check.check_limit(0.2)
    with pytest.raises(DataError, match=r"3 of 23 images .* 3 can't be read .*bad.*--max-unusable"):
        check.check_limit()


def test_files_that_vanished_are_skipped_too(tmp_path):
    fill(tmp_path, {"a": 6, "b": 6})
    data = load_dataset(tmp_path)
    gone = tmp_path / "a" / "0.png"
    gone.unlink()
    _, check = check_dataset(data)
    assert check.unreadable == ((str(gone), "can't be read: no such file or folder"),)


def test_a_published_data_set_is_taken_as_it_is(tmp_path):
    from dataclasses import replace

    fill(tmp_path, {"cat": 20, "dog": 20})
    (tmp_path / "dog" / "twin.png").write_bytes((tmp_path / "cat" / "3.png").read_bytes())
    (tmp_path / "dog" / "copy.png").write_bytes((tmp_path / "dog" / "3.png").read_bytes())
    data, check = check_dataset(replace(load_dataset(tmp_path), published=True))
    assert len(data.train) + len(data.test) == 42
    assert len(check.conflicts) == 1
    assert all("kept" in line for line in check.losses())
    check.check_limit(0)


def test_one_image_a_class_is_too_few(tmp_path):
    fill(tmp_path, {"a": 1, "b": 1, "c": 1})
    with pytest.raises(DataError, match="no image to test with. Expected at least 3 different"):
        check_dataset(load_dataset(tmp_path))


def test_one_class_that_is_left_is_named(tmp_path):
    fill(tmp_path / "train", {"a": 3, "b": 3})
    fill(tmp_path / "test", {"a": 3, "b": 3}, first=5000)
    for path in (tmp_path / "train" / "b").iterdir():
        path.write_bytes(b"no picture" + path.name.encode())
    with pytest.raises(DataError, match=r"only one class to train on: 'a'.* 3 .* can't be read"):
        check_dataset(load_dataset(tmp_path), decode=True)


def test_several_labels_are_compared_as_sets(tmp_path):
    lines = []
    for number in range(20):
        picture(tmp_path / f"{number}.png", number)
        lines.append(f"{number}.png,{'a|b' if number % 4 == 0 else 'ab'[number % 2]}")
    for copy, labels in (("same.png", "b|a"), ("other.png", "a")):
        (tmp_path / copy).write_bytes(
            (tmp_path / ("0.png" if labels == "b|a" else "4.png")).read_bytes()
        )
        lines.append(f"{copy},{labels}")
    table = tmp_path / "labels.csv"
    table.write_text("path,label\n" + "\n".join(lines) + "\n")
    data, check = check_dataset(load_dataset(table))
    assert check.several == 6
    assert len(check.copies) + len(check.crossing) == 1
    assert [set(conflict.labels) for conflict in check.conflicts] == [{"a|b", "a"}]
    assert len(data.train) + len(data.test) == 22 - 1 - 2


def test_findings_are_plain_json(tmp_path):
    fill(tmp_path, {"cat": 20, "dog": 20})
    (tmp_path / "dog" / "twin.png").write_bytes((tmp_path / "cat" / "3.png").read_bytes())
    check = check_dataset(load_dataset(tmp_path))[1].with_unreadable([("x.png", "empty")])
    found = json.loads(json.dumps(check.as_dict()))
    assert found["images"] == {"train": 33, "test": 8}
    assert found["classes"]["cat"] == {"train": 16, "test": 4}
    assert found["images_per_class"] == {"min": 20, "median": 20.5, "max": 21}
    assert found["unreadable"] == [{"image": "x.png", "reason": "empty"}]
    assert {entry["label"] for entry in found["conflicts"][0]} == {"cat", "dog"}
