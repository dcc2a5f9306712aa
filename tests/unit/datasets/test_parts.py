"""Parts of labeled data: how they are recognized, what they lack, and what is left out."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet as pq

from hashlens.datasets import check_dataset, load_dataset
from hashlens.datasets.parts import part_named, part_of_file
from hashlens.errors import DataError, ParameterError


def fill(folder, classes, count=4, first=0):
    for name in classes:
        (folder / name).mkdir(parents=True)
        for number in range(first, first + count):
            seed = [number, *name.encode()]
            pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def write_parquet(file, labels, images=None):
    if images is None:
        images = [{"bytes": f"{file.name}{row}".encode()} for row in range(len(labels))]
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": images, "label": labels}), file)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("VAL", "validation"),
        ("valid", "validation"),
        ("Validation", "validation"),
        ("dev", "validation"),
        ("Test", "test"),
        ("testing", "test"),
        ("trains", None),
        ("test tubes", None),
    ],
)
def test_names_of_parts(name, part):
    assert part_named(name) == part


def test_files_are_parts_by_their_first_word():
    names = ("train-00000-of-00001.parquet", "Validation_1.parquet", "testimony.parquet")
    assert [part_of_file(name) for name in names] == ["train", "validation", None]


@pytest.mark.parametrize("name", ["val", "Valid", "validation", "dev"])
def test_a_validation_part_is_never_the_test_part(tmp_path, name):
    fill(tmp_path / "train", "ab", 10)
    fill(tmp_path / name, "ab", 3, first=50)
    data = load_dataset(tmp_path)
    assert [len(images) for images in data.parts.values()] == [16, 6, 4]
    assert list(data.parts) == ["train", "validation", "test"]
    assert "a fifth of every class is the test part" in data.source
    assert all(f"/{name}/" in data.validation.name(index) for index in range(6))


def test_labels_count_in_the_classes_of_all_parts(tmp_path):
    fill(tmp_path / "Train", "ac")
    fill(tmp_path / "Test", "bc", first=50)
    data = load_dataset(tmp_path)
    names = {
        data.classes[label]
        for index, label in enumerate(data.test.labels)
        if "/c/" in data.test.name(index)
    }
    assert names == {"c"}
    checked, found = check_dataset(data)
    assert found.untrained == {"b": 4}
    assert found.untested == ["a"]
    assert len(checked.test) == 4
    assert any("classes without training images, left out: b (4)" in x for x in found.lines())
    assert any("classes without test images: 1: a" in line for line in found.lines())


def test_parts_without_a_common_class_can_not_be_measured(tmp_path):
    fill(tmp_path / "train", "ab")
    fill(tmp_path / "test", "cd", first=50)
    with pytest.raises(DataError, match="none of the training part's classes"):
        check_dataset(load_dataset(tmp_path))


def test_folders_that_look_like_unknown_parts_are_refused(tmp_path):
    fill(tmp_path / "fold-1", "ab")
    fill(tmp_path / "fold-2", "abc", first=50)
    with pytest.raises(DataError, match="same sub-folders .* --train DIR --test DIR"):
        load_dataset(tmp_path)
    data = load_dataset(train=tmp_path / "fold-1", test=tmp_path / "fold-2")
    assert (len(data.train), len(data.test)) == (8, 12)
    assert load_dataset(train=tmp_path).classes == ("fold-1", "fold-2")


def test_classes_may_share_one_sub_folder(tmp_path):
    fill(tmp_path / "cat", ["images"])
    fill(tmp_path / "dog", ["images"], first=50)
    assert load_dataset(tmp_path).classes == ("cat", "dog")


def test_a_class_may_have_the_name_of_a_part(tmp_path):
    fill(tmp_path, ["train", "bus"])
    assert load_dataset(tmp_path).classes == ("bus", "train")


def test_a_single_part_is_not_taken_for_the_whole(tmp_path):
    fill(tmp_path / "train", "ab")
    with pytest.raises(DataError, match=r"only one part: train\. .*--train .*train"):
        load_dataset(tmp_path)


def test_two_folders_for_one_part_are_refused(tmp_path):
    for name in ("train", "Training", "test"):
        fill(tmp_path / name, "ab")
    with pytest.raises(DataError, match="two folders for the same part"):
        load_dataset(tmp_path)


def test_what_lies_beside_the_classes_is_said(tmp_path):
    fill(tmp_path, "ab", 10)
    (tmp_path / "empty").mkdir()
    (tmp_path / "@eaDir" / "a").mkdir(parents=True)
    (tmp_path / "@eaDir" / "thumb.jpg").write_bytes(b"thumbnail")
    (tmp_path / "loose.PNG").write_bytes((tmp_path / "a" / "0.png").read_bytes())
    (tmp_path / "a" / "9.png").rename(tmp_path / "a" / "9")
    data, found = check_dataset(load_dataset(tmp_path))
    assert data.classes == ("a", "b")
    told = "\n".join(found.losses())
    for words in ("loose.PNG", "not counted as classes: 1", "1 no suffix"):
        assert words in told
    assert "@eaDir" not in told
    with pytest.raises(DataError, match="'strict' refuses"):
        found.check_complete()
    assert found.as_dict()["passed_over"]["no image suffix"] == {"no suffix": 1}


def test_folders_that_are_no_part_are_named(tmp_path):
    for name in ("train", "test", "extra"):
        fill(tmp_path / name, "ab", first=len(name))
    found = load_dataset(tmp_path).findings
    assert found.no_parts == (str(tmp_path / "extra"),)
    assert not found.complete


def test_data_without_findings_is_complete(tmp_path):
    fill(tmp_path, "ab", 10)
    check_dataset(load_dataset(tmp_path))[1].check_complete()


@pytest.mark.parametrize("column", ["split", "part"])
def test_a_table_names_parts_in_any_case(tmp_path, column):
    lines = [f"path,label,{column}"]
    for name, part in zip(
        "abcdef", ["Train", "training", "VAL", "dev", "Test", "testing"], strict=True
    ):
        (tmp_path / name).write_bytes(name.encode())
        lines.append(f"{name},{'xy'[ord(name) % 2]},{part}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    data = load_dataset(tmp_path / "labels.csv")
    read = {part: [images.read(i) for i in (0, 1)] for part, images in data.parts.items()}
    assert read == {"train": [b"a", b"b"], "validation": [b"c", b"d"], "test": [b"e", b"f"]}


def test_parquet_parts_by_name_and_by_folder(tmp_path):
    write_parquet(tmp_path / "data" / "Train-0.parquet", [0, 1])
    write_parquet(tmp_path / "data" / "validation-0.parquet", [1])
    write_parquet(tmp_path / "test" / "0.parquet", [0])
    data = load_dataset(tmp_path)
    assert {part: len(images) for part, images in data.parts.items()} == {
        "train": 2,
        "validation": 1,
        "test": 1,
    }


def test_sparse_label_numbers_make_as_many_classes_as_occur(tmp_path):
    write_parquet(tmp_path / "train.parquet", [5, 10**9, 5])
    write_parquet(tmp_path / "test.parquet", [10**9, 7])
    data = load_dataset(tmp_path)
    assert data.classes == ("5", "1000000000", "7")
    assert data.train.labels.tolist() == [0, 1, 0]
    assert data.test.labels.tolist() == [1, 2]


@pytest.mark.parametrize("part", ["train", "test"])
def test_negative_labels_are_refused_and_the_way_out_is_said(tmp_path, part):
    for name in ("train", "test"):
        write_parquet(tmp_path / f"{name}.parquet", [0, -1] if name == part else [0, 1])
    with pytest.raises(DataError, match=f"The {part} part .* 1 of 2 images with a negative label"):
        load_dataset(tmp_path)


def test_images_in_parquet_may_be_bytes_and_nothing_else(tmp_path):
    write_parquet(tmp_path / "train.parquet", [0, 1], [b"first", b"second"])
    write_parquet(tmp_path / "test.parquet", [0])
    data = load_dataset(tmp_path)
    assert [data.train.read(0), data.train.read(1)] == [b"first", b"second"]
    write_parquet(tmp_path / "test.parquet", [0], ["a.png"])
    with pytest.raises(DataError, match="images of the type string"):
        load_dataset(tmp_path)


def test_parts_of_different_forms_can_be_joined(tmp_path):
    fill(tmp_path / "folders", "ab")
    (tmp_path / "labels.csv").write_text("path,label\nfolders/a/0.png,a|b\nfolders/b/0.png,b\n")
    data = load_dataset(train=tmp_path / "folders", test=tmp_path / "labels.csv")
    assert data.train.labels.sum(axis=0).tolist() == [4, 4]
    assert data.test.labels.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("given", [{}, {"data": "a", "train": "b"}, {"test": "a"}])
def test_data_is_given_as_a_whole_or_by_parts(given):
    with pytest.raises(ParameterError, match="as a whole or by its parts"):
        load_dataset(**given)


def test_a_validation_image_that_is_also_trained_on_is_left_out(tmp_path):
    fill(tmp_path / "train", "ab", 6)
    fill(tmp_path / "val", "ab", 2)
    fill(tmp_path / "test", "ab", 2, first=50)
    data, found = check_dataset(load_dataset(tmp_path))
    assert data.validation is None
    assert found.validation == 4
    assert len(found.crossing) == 4
