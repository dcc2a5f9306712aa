"""The contract of labeled data, held by every form that `load_dataset` opens."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashlens.datasets import Dataset, check_dataset, load_dataset, make_split
from hashlens.errors import DataError, ImageError

CLASSES = ("blue", "green", "red")
PER_CLASS = 10


def picture(label: int, number: int) -> bytes:
    rng = np.random.default_rng([label, number])
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def write(root: Path, label: int, number: int) -> Path:
    path = root / CLASSES[label] / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(label, number))
    return path


def class_folders(root: Path) -> Path:
    for label in range(3):
        for number in range(PER_CLASS):
            write(root, label, number)
    return root


def split_folders(root: Path) -> Path:
    for label in range(3):
        for number in range(PER_CLASS):
            write(root / ("train" if number < 8 else "test"), label, number)
    return root


def split_folders_with_validation(root: Path) -> Path:
    for label in range(3):
        for number in range(PER_CLASS):
            write(root / ("Training" if number < 8 else "TEST"), label, number)
        write(root / "val", label, 50)
    return root


def table(root: Path, split: bool, several: bool) -> Path:
    lines = ["path,label" + (",split" if split else "")]
    for label in range(3):
        for number in range(PER_CLASS):
            path = write(root / "files", label, number)
            names = CLASSES[label]
            if several and number % 2:
                names += "|" + CLASSES[(label + 1) % 3]
            part = f",{'train' if number < 8 else 'test'}" if split else ""
            lines.append(f"{path.relative_to(root)},{names}{part}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root / "labels.csv"


def parquet(root: Path) -> Path:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    root.mkdir(exist_ok=True)
    for part, numbers in (("train", range(8)), ("test", range(8, PER_CLASS))):
        rows = [(label, number) for label in range(3) for number in numbers]
        images = [{"bytes": picture(*row), "path": None} for row in rows]
        columns = {"image": images, "label": [label for label, _ in rows]}
        pq.write_table(pa.table(columns), root / f"{part}.parquet")
    return root


SOURCES: dict[str, Callable[[Path], Path]] = {
    "class folders": class_folders,
    "class folders with parts": split_folders,
    "class folders with validation": split_folders_with_validation,
    "table": lambda root: table(root, split=False, several=False),
    "table with parts": lambda root: table(root, split=True, several=False),
    "table of several labels": lambda root: table(root, split=True, several=True),
    "parquet": parquet,
}
WITHOUT_PARTS = {"class folders", "table"}
SEVERAL = {"table of several labels"}


@pytest.fixture(scope="module", params=SOURCES)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def source(kind, tmp_path_factory) -> Path:
    return SOURCES[kind](tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def data(source) -> Dataset:
    return load_dataset(source)


def parts(data: Dataset):
    return data.train, data.test


def contents(data: Dataset) -> list[list[bytes]]:
    return [[images.read(index) for index in range(len(images))] for images in parts(data)]


def test_every_image_is_in_one_part_once(data):
    train, test = contents(data)
    expected = {picture(label, number) for label in range(3) for number in range(PER_CLASS)}
    assert len(train) == 24
    assert len(test) == 6
    assert set(train) | set(test) == expected


def test_labels_are_numbers_of_classes_or_a_table_of_them(kind, data):
    assert len(data.classes) == 3
    for images in parts(data):
        if kind in SEVERAL:
            assert images.labels.dtype == np.bool_
            assert images.labels.shape == (len(images), 3)
            assert images.labels.any(axis=1).all()
        else:
            assert images.labels.dtype == np.int64
            assert images.labels.shape == (len(images),)
            assert set(images.labels.tolist()) == {0, 1, 2}


def test_each_image_has_the_labels_that_it_was_given(kind, data):
    label_of = {picture(label, n): (label, n) for label in range(3) for n in range(PER_CLASS)}
    for images in parts(data):
        for index in range(len(images)):
            label, number = label_of[images.read(index)]
            if kind in SEVERAL:
                expected = {label, (label + 1) % 3} if number % 2 else {label}
                assert set(np.flatnonzero(images.labels[index])) == expected
            else:
                assert images.labels[index] == label


def test_parts_that_the_data_names_are_kept_and_others_drawn_by_seed(kind, source):
    first, second, other = (contents(load_dataset(source, seed=seed)) for seed in (0, 0, 1))
    assert first == second
    assert (first != other) == (kind in WITHOUT_PARTS)


def test_the_key_of_an_image_is_the_digest_of_its_bytes(data):
    for images in parts(data):
        for index in (0, len(images) - 1):
            expected = hashlib.sha256(images.read(index)).digest()
            assert images.content_key(index) == expected


def test_names_tell_images_apart(data):
    for images in parts(data):
        assert len({images.name(index) for index in range(len(images))}) == len(images)


def test_the_source_is_named(source, data):
    assert data.source.startswith(str(source))


def test_a_clean_data_set_passes_its_check_unchanged(data):
    checked, found = check_dataset(data, decode=True)
    assert contents(checked) == contents(data)
    for before, after in zip(parts(data), parts(checked), strict=True):
        np.testing.assert_array_equal(before.labels, after.labels)
    assert found.images == (24, 6)
    assert (found.unreadable, found.conflicts, found.copies, found.crossing) == ((), (), (), ())


@pytest.mark.parametrize("protocol", ["standard", "heldout"])
def test_protocols_split_it(data, protocol):
    split = make_split(protocol, data.train.labels, data.test.labels)
    assert len(split.query) == 6
    assert len(np.union1d(split.fit, split.database)) == 24


@pytest.mark.parametrize("kind", [name for name in SOURCES if name != "parquet"], indirect=True)
def test_an_image_that_went_is_an_image_error_and_the_check_names_it(kind, tmp_path):
    data = load_dataset(SOURCES[kind](tmp_path / "set"))
    path = Path(data.train.name(0))
    path.unlink()
    with pytest.raises(ImageError, match="no such file"):
        data.train.read(0)
    with pytest.raises(ImageError):
        data.train.content_key(0)
    checked, found = check_dataset(data)
    assert [name for name, _ in found.unreadable] == [str(path)]
    assert len(checked.train) == 23


def test_what_does_not_exist_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path / "nothing")):
        load_dataset(tmp_path / "nothing")
