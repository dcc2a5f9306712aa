"""Labeled data sets from class folders and parquet files."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hashlens.datasets.checking import check_dataset
from hashlens.datasets.dataset import stratified_split
from hashlens.datasets.opening import load_dataset
from hashlens.errors import DataError


def fill(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(f"{folder.name}{number}".encode())


def write_parquet(path, labels, image="img", label="fine_label", metadata=None):
    images = [{"bytes": f"{path.stem}{row}".encode(), "path": None} for row in range(len(labels))]
    table = pa.table({image: images, label: labels})
    pq.write_table(table.replace_schema_metadata(metadata), path)


def test_class_folders_are_split_by_seed(tmp_path):
    fill(tmp_path / "cat", 10)
    fill(tmp_path / "dog", 5)
    data = load_dataset(tmp_path)
    assert data.classes == ("cat", "dog")
    np.testing.assert_array_equal(np.bincount(data.test.labels), [2, 1])
    np.testing.assert_array_equal(np.bincount(data.train.labels), [8, 4])
    both = {data.train.name(i) for i in range(12)} | {data.test.name(i) for i in range(3)}
    assert len(both) == 15
    assert load_dataset(tmp_path).test.name(0) == data.test.name(0)
    others = [load_dataset(tmp_path, seed=seed).test.name(0) for seed in range(1, 6)]
    assert set(others) != {data.test.name(0)}


def test_train_and_test_folders_are_kept_apart(tmp_path):
    for part, count in (("train", 3), ("test", 1)):
        for name in ("a", "b"):
            fill(tmp_path / part / name, count)
    data = load_dataset(tmp_path)
    assert (len(data.train), len(data.test)) == (6, 2)
    assert data.test.read(1) == b"b0"
    np.testing.assert_array_equal(data.test.labels, [0, 1])


def test_a_class_of_one_image_stays_in_the_training_part():
    labels = np.array([0] * 10 + [1])
    assert not stratified_split(labels, 0.2, seed=0)[10]


def test_parquet_in_the_hubs_layout(tmp_path):
    names = b'{"info": {"features": {"fine_label": {"names": ["apple", "bear"]}}}}'
    write_parquet(tmp_path / "train-0.parquet", [0, 1, 1], metadata={b"huggingface": names})
    write_parquet(tmp_path / "test-0.parquet", [1], metadata={b"huggingface": names})
    data = load_dataset("cifar100", tmp_path)
    assert data.classes == ("apple", "bear")
    assert data.train.read(2) == b"train-02"
    np.testing.assert_array_equal(data.train.labels, [0, 1, 1])
    np.testing.assert_array_equal(data.test.labels, [1])


def test_parquet_with_the_other_common_column_names(tmp_path):
    for part in ("train", "test"):
        write_parquet(tmp_path / f"{part}.parquet", [0, 2], image="image", label="label")
    data = load_dataset(tmp_path)
    assert data.classes == ("0", "2")
    assert data.train.labels.tolist() == [0, 1]
    assert data.test.read(1) == b"test1"


def test_parquet_without_images_names_its_columns(tmp_path):
    for part in ("train", "test"):
        write_parquet(tmp_path / f"{part}.parquet", [0], image="picture")
    with pytest.raises(DataError, match="needs a column named img or image. It has: picture"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("labels", "got"), [(["cat", "dog"], "string, 0 missing"), ([0, None], "int64, 1 missing")]
)
def test_parquet_labels_that_are_no_numbers_are_refused(tmp_path, labels, got):
    for part in ("train", "test"):
        write_parquet(tmp_path / f"{part}.parquet", labels)
    with pytest.raises(DataError, match=f"in the column fine_label. Got {got}"):
        load_dataset(tmp_path)


def test_a_parquet_row_without_bytes_is_skipped_by_name(tmp_path):
    for part in ("train", "test"):
        images = [{"bytes": f"{part}{row}".encode() if row else None} for row in range(5)]
        table = pa.table({"img": images, "fine_label": [0, 0, 1, 1, 1]})
        pq.write_table(table, tmp_path / f"{part}.parquet")
    data, check = check_dataset(load_dataset(tmp_path))
    assert (len(data.train), len(data.test)) == (4, 4)
    name, reason = check.unreadable[0]
    assert name.endswith("row 0")
    assert reason == "holds no bytes: it points to a file elsewhere"


def test_a_damaged_parquet_file_is_named(tmp_path):
    for part in ("train", "test"):
        (tmp_path / f"{part}.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="damaged"):
        load_dataset(tmp_path)


def test_parquet_needs_both_parts(tmp_path):
    write_parquet(tmp_path / "train.parquet", [0])
    with pytest.raises(DataError, match=r"train\* and test\*"):
        load_dataset(tmp_path)


def test_a_missing_folder_says_what_was_expected(tmp_path):
    with pytest.raises(DataError, match="does not exist. Expected a folder with a sub-folder"):
        load_dataset(tmp_path / "none")


def test_one_class_is_not_enough(tmp_path):
    fill(tmp_path / "only", 3)
    with pytest.raises(DataError, match="at least two sub-folders"):
        load_dataset(tmp_path)


def test_class_folders_without_images(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with pytest.raises(DataError, match="no images"):
        load_dataset(tmp_path)


def test_cifar100_by_name_is_fetched_from_the_hub(tmp_path, monkeypatch):
    import huggingface_hub

    asked = []

    def snapshot(repository, **options):
        asked.append((repository, options["repo_type"]))
        (tmp_path / "cifar100").mkdir()
        for part in ("train", "test"):
            write_parquet(tmp_path / "cifar100" / f"{part}-0.parquet", [0, 1])
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert len(load_dataset("cifar100").train) == 2
    assert asked == [("uoft-cs/cifar100", "dataset")]


def test_a_failed_download_points_to_the_local_option(monkeypatch):
    import huggingface_hub

    def offline(*arguments, **options):
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(DataError, match="no network.*--data"):
        load_dataset("cifar100")
