"""Labels from a CSV file: what it may say, and every way in which it can be wrong."""

import numpy as np
import pytest
from PIL import Image

from hashlens.datasets.opening import load_dataset
from hashlens.errors import DataError


@pytest.fixture
def folder(tmp_path):
    for name in "abcdefghij":
        (tmp_path / f"{name}.png").write_bytes(name.encode())
    return tmp_path


def write(folder, text, encoding="utf-8"):
    table = folder / "labels.csv"
    table.write_text(text, encoding=encoding)
    return table


def test_a_table_with_parts_is_taken_as_it_is(folder):
    table = write(
        folder, 'label,path,split\ncat,a.png,train\n"dog, big",b.png,train\ncat,c.png,test\n'
    )
    data = load_dataset(table)
    assert data.classes == ("cat", "dog, big")
    assert data.train.labels.tolist() == [0, 1]
    assert data.test.labels.tolist() == [0]
    assert (data.train.read(1), data.test.read(0)) == (b"b", b"c")


def test_without_parts_a_fifth_of_every_class_is_the_test_part(folder):
    lines = "".join(f"{name}.png,{'x' if name < 'f' else 'y'}\n" for name in "abcdefghij")
    data = load_dataset(write(folder, "path,label\n" + lines))
    assert np.bincount(data.train.labels).tolist() == [4, 4]
    assert np.bincount(data.test.labels).tolist() == [1, 1]
    names = {data.train.name(i) for i in range(8)} | {data.test.name(i) for i in range(2)}
    assert len(names) == 10


def test_spreadsheet_marks_and_absolute_paths_are_fine(folder, tmp_path):
    table = write(folder, f"path,label\n{tmp_path / 'a.png'},x\nb.png,y\n", encoding="utf-8-sig")
    data = load_dataset(table)
    assert {data.train.read(0), data.train.read(1)} == {b"a", b"b"}


def test_an_image_may_have_several_labels(folder):
    table = write(
        folder,
        "path,label,split\na.png,sofa|cat,train\nb.png,cat,train\nc.png,cat | cat,train\n"
        "d.png,dog,test\n",
    )
    data = load_dataset(table)
    assert data.classes == ("cat", "dog", "sofa")
    assert data.train.labels.tolist() == [[1, 0, 1], [1, 0, 0], [1, 0, 0]]
    assert data.test.labels.tolist() == [[0, 1, 0]]
    assert data.test.labels.dtype == bool


def test_a_fifth_of_the_images_of_several_labels_is_the_test_part(folder):
    lines = "".join(f"{name}.png,{'x' if name < 'f' else 'x|y'}\n" for name in "abcdefghij")
    data = load_dataset(write(folder, "path,label\n" + lines))
    assert data.train.labels.sum(axis=0).tolist() == [8, 4]
    assert data.test.labels.sum(axis=0).tolist() == [2, 1]


def test_the_same_line_twice_is_one_image(folder):
    data = load_dataset(write(folder, "path,label\na.png,x\na.png,x\nb.png,y\n"))
    assert len(data.train) + len(data.test) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must name the columns path and label. Got: nothing"),
        ("file,class\na.png,x\n", "Got: file, class"),
        ("path,label\n", "lists no images"),
        ("path,label\na.png\n", "line 2: expected 2 values"),
        ("path,label\na.png,\n", "line 2: expected 2 values"),
        ("path,label\na.png,x,y\n", "line 2: expected 2 values"),
        ('path,label\n"a.png,x\n', "can't be read"),
        (
            "path,label,split\na.png,x,train\nb.png,y,fold 2\n",
            "line 3: the split must be one of train, .* Got 'fold 2'",
        ),
        ("path,label\na.png,x\na.png,y\n", r"a\.png \('x' and 'y'\)\. .* one line with 'a\|b'"),
        ("path,label\na.png,x|y\na.png,x\n", r"a\.png \('x\|y' and 'x'\)"),
        ("path,label\na.png,x|\n", "line 2: expected 2 values"),
        ("path,label\na.png,|\n", "line 2: expected 2 values"),
        ("path,label,split\na.png,x,train\na.png,x,test\n", "in two parts"),
        ("path,label\na.png,x\nmissing.png,y\n", r"do not exist: .*missing\.png"),
        ("path,label\na.png,x\nb.png,x\n", "at least two labels. Got only 'x'"),
        ("path,label,split\na.png,x,train\nb.png,y,train\n", "all images in one part"),
    ],
)
def test_what_is_wrong_is_said(folder, text, message):
    with pytest.raises(DataError, match=message):
        load_dataset(write(folder, text))


def test_many_missing_files_are_counted(folder):
    lines = "".join(f"none{number}.png,x\n" for number in range(12))
    with pytest.raises(DataError, match=r"none4\.png and 7 more"):
        load_dataset(write(folder, "path,label\n" + lines))


def test_a_table_in_another_encoding_is_refused(folder):
    with pytest.raises(DataError, match="Save a table in another encoding as UTF-8 first"):
        load_dataset(write(folder, "path,label\na.png,Käse\n", encoding="latin-1"))


def test_an_image_in_place_of_a_table_is_refused(folder):
    picture = folder / "a.jpg"
    Image.new("RGB", (8, 8)).save(picture)
    with pytest.raises(DataError, match=r"a\.jpg is neither a folder nor a CSV table"):
        load_dataset(picture)
