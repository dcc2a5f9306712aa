"""Labeled images: class folders, a table, the public hub's parquet, CIFAR-100 by name."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Labels
from hashlens.datasets.label_table import LabeledPath, read_label_table
from hashlens.errors import DataError, ImageError, MissingExtraError
from hashlens.images.walk import walk_images
from hashlens.labels import rarest_label

TEST_SHARE = 0.2
"""Share of every class that becomes the test part where a data set has none."""


class LabeledImages(ABC):
    """A sequence of encoded images (the bytes of image files) with a label each, or several.

    Attributes
    ----------
    labels : int64 array of shape (n,), or bool array of shape (n, classes)
    """

    labels: AnyLabels

    @abstractmethod
    def read(self, index: int) -> bytes:
        """Return the bytes of one image file.

        Raises
        ------
        ImageError
            If it can't be read.
        """

    @abstractmethod
    def name(self, index: int) -> str:
        """Return what to call the image in messages."""

    def content_key(self, index: int) -> bytes:
        """Return the SHA-256 of the image file's bytes.

        Raises
        ------
        ImageError
            If it can't be read.
        """
        return hashlib.sha256(self.read(index)).digest()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Labeled images in a training and a test part.

    Attributes
    ----------
    classes : tuple of str
        ``classes[label]`` is the name of a label.
    train, test : LabeledImages
    source : str
        Where it was read from, for people.
    published : bool
        Whether it is a data set that others measure on too, so that it is taken as it is.
    """

    classes: tuple[str, ...]
    train: LabeledImages
    test: LabeledImages
    source: str
    published: bool = False


class ImageFiles(LabeledImages):
    """Image files on disk."""

    def __init__(self, paths: list[Path], labels: AnyLabels) -> None:
        self.paths = paths
        self.labels = labels

    def read(self, index: int) -> bytes:
        """Return the file's bytes."""
        try:
            return self.paths[index].read_bytes()
        except OSError as error:
            raise ImageError(f"can't be read: {error.strerror or error}") from error

    def name(self, index: int) -> str:
        """Return the file's path."""
        return str(self.paths[index])

    def part(self, indices: npt.NDArray[np.int64]) -> ImageFiles:
        """Return some of the images."""
        return ImageFiles([self.paths[i] for i in indices], self.labels[indices])


class ParquetImages(LabeledImages):
    """Images in parquet files with the columns ``img{bytes,path}`` (or ``image``) and a label."""

    def __init__(self, files: list[Path]) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            raise MissingExtraError("A data set in parquet", "pyarrow", "train") from None
        try:
            schema = pq.read_schema(files[0])
            image = _column(schema.names, ("img", "image"), files[0])
            label = _column(schema.names, ("fine_label", "label"), files[0])
            table = pa.concat_tables(pq.read_table(file, columns=[image, label]) for file in files)
            self._images = table.column(image).combine_chunks()
            numbers = table.column(label)
            if numbers.null_count or not pa.types.is_integer(numbers.type):
                raise DataError(
                    f"The parquet files in {files[0].parent} need a whole number for every image "
                    f"in the column {label}. Got {numbers.type}, {numbers.null_count:,} missing."
                )
            labels = numbers.to_numpy().astype(np.int64)
        except pa.ArrowException as error:
            raise DataError(
                f"{files[0].parent} holds a parquet file that is damaged: {error}"
            ) from error
        self.labels = labels
        self.classes = _class_names(schema, label, labels)
        self._where = str(files[0].parent)

    def read(self, index: int) -> bytes:
        """Return the image's bytes."""
        data: bytes | None = self._images[index]["bytes"].as_py()
        if data is None:
            raise ImageError("holds no bytes: it points to a file elsewhere")
        return data

    def name(self, index: int) -> str:
        """Return the row, as the image has no path of its own."""
        return f"{self._where}, row {index}"


def load_dataset(data: str | Path, folder: Path | None = None, seed: int = 0) -> Dataset:
    """Open a labeled data set.

    Parameters
    ----------
    data : str or Path
        A folder with a sub-folder a class, with or without ``train/`` and ``test/`` above them; a
        folder of parquet files named ``train*`` and ``test*``; a CSV file, see
        `hashlens.datasets.label_table.read_label_table`; or the name ``cifar100``, which is
        downloaded once from the public hub and cached there.
    folder : Path, optional
        Where the data set of that name lies on disk, instead of a download.
    seed : int, default 0
        Of the split, where nothing says what the test part is: a fifth of every class.

    Raises
    ------
    DataError
        If there is no such folder or file, or it has none of these forms.
    """
    if str(data) == "cifar100":
        return _from_parquet(folder or _download_cifar100())
    root = Path(folder or data)
    if root.is_file():
        return _from_table(root, seed)
    if not root.is_dir():
        raise DataError(
            f"The data set {str(root)!r} does not exist. Expected a folder with a sub-folder a "
            "class, a folder of parquet files, a CSV file with the columns path and label, or the "
            "name 'cifar100'."
        )
    if any(root.glob("*.parquet")):
        return _from_parquet(root)
    return _from_class_folders(root, seed)


def _from_parquet(root: Path) -> Dataset:
    files = sorted(root.rglob("*.parquet"))
    train = [file for file in files if file.name.startswith("train")]
    test = [file for file in files if file.name.startswith(("test", "valid"))]
    if not train or not test:
        raise DataError(
            f"{root} needs parquet files named train* and test*. "
            f"Got {', '.join(file.name for file in files) or 'none'}."
        )
    train_part, test_part = ParquetImages(train), ParquetImages(test)
    return Dataset(train_part.classes, train_part, test_part, str(root), published=True)


def _from_class_folders(root: Path, seed: int) -> Dataset:
    if (root / "train").is_dir() and (root / "test").is_dir():
        classes = _class_folders(root / "train")
        train, test = (_files(root / part, classes) for part in ("train", "test"))
        return Dataset(classes, train, test, str(root))
    classes = _class_folders(root)
    return _split(classes, _files(root, classes), root, seed)


def _from_table(table: Path, seed: int) -> Dataset:
    rows = read_label_table(table)
    classes = tuple(sorted({label for row in rows for label in row.labels}))
    if len(classes) < 2:
        raise DataError(f"The table {table} needs at least two labels. Got only {classes[0]!r}.")
    images = ImageFiles([row.path for row in rows], _numbered(rows, classes))
    if not rows[0].part:
        return _split(classes, images, table, seed)
    in_test = np.array([row.part == "test" for row in rows])
    if in_test.all() or not in_test.any():
        raise DataError(f"The table {table} puts all images in one part: {rows[0].part!r}.")
    train, test = (images.part(np.flatnonzero(mask)) for mask in (~in_test, in_test))
    return Dataset(classes, train, test, str(table))


def _numbered(rows: list[LabeledPath], classes: tuple[str, ...]) -> AnyLabels:
    """Return the labels of images: (n,) numbers, or where one has several a table (n, classes)."""
    number = {name: label for label, name in enumerate(classes)}
    if all(len(row.labels) == 1 for row in rows):
        return np.array([number[row.labels[0]] for row in rows], dtype=np.int64)
    table = np.zeros((len(rows), len(classes)), dtype=np.bool_)
    for image, row in enumerate(rows):
        table[image, [number[name] for name in row.labels]] = True
    return table


def _split(classes: tuple[str, ...], images: ImageFiles, source: Path, seed: int) -> Dataset:
    """Make a fifth of every class the test part; of several labels, the rarest one counts."""
    in_test = stratified_split(rarest_label(images.labels), TEST_SHARE, seed)
    return Dataset(
        classes,
        images.part(np.flatnonzero(~in_test)),
        images.part(np.flatnonzero(in_test)),
        f"{source} (a fifth of every class is the test part, seed {seed})",
    )


def stratified_split(labels: Labels, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return a mask that picks ``share`` of every class, and leaves each class one at least."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        chosen[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return chosen


def _class_folders(root: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise DataError(
            f"{root} needs at least two sub-folders, one a class, with images in them. "
            f"Got {len(names)}."
        )
    return tuple(names)


def _files(root: Path, classes: tuple[str, ...]) -> ImageFiles:
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        if (root / name).is_dir():
            found = [Path(path) for path in walk_images([root / name])]
            paths += found
            labels += [label] * len(found)
    if not paths:
        raise DataError(f"There are no images in the class folders of {root}.")
    return ImageFiles(paths, np.array(labels, dtype=np.int64))


def _download_cifar100() -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("Downloading CIFAR-100", "huggingface_hub", "train") from None
    try:
        folder = snapshot_download(
            "uoft-cs/cifar100", repo_type="dataset", allow_patterns="cifar100/*.parquet"
        )
    except Exception as error:
        raise DataError(
            f"CIFAR-100 can't be downloaded: {error}. If it is on your disk, name its folder of "
            "parquet files with --data."
        ) from error
    return Path(folder)


def _column(names: list[str], wanted: tuple[str, ...], file: Path) -> str:
    for name in wanted:
        if name in names:
            return name
    raise DataError(
        f"{file} needs a column named {' or '.join(wanted)}. It has: {', '.join(names)}."
    )


def _class_names(schema: Any, label: str, labels: Labels) -> tuple[str, ...]:
    """Return the names that the hub's metadata gives to labels, else their numbers."""
    import json

    known = (schema.metadata or {}).get(b"huggingface")
    if known:
        features = json.loads(known).get("info", {}).get("features", {})
        names = features.get(label, {}).get("names")
        if names:
            return tuple(names)
    return tuple(str(value) for value in range(int(labels.max()) + 1))
