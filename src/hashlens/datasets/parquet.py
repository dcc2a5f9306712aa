"""Labeled images in parquet files, as the public hub publishes them; CIFAR-100 among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.arrays import Labels
from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.errors import DataError, ImageError, MissingExtraError


def load_parquet(root: Path) -> Dataset:
    """Open a folder of parquet files named ``train*`` and ``test*`` (or ``valid*``).

    Raises
    ------
    DataError
        If there are no such files, they are damaged, or lack a column.
    MissingExtraError
        If pyarrow is not installed.
    """
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


def download_cifar100() -> Path:
    """Return the folder of CIFAR-100's parquet files, downloaded unless the hub's cache has them.

    Raises
    ------
    DataError
        If it can't be downloaded.
    MissingExtraError
        If huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise MissingExtraError("Downloading CIFAR-100", "huggingface_hub", "train") from None
    try:
        folder = snapshot_download(
            "uoft-cs/cifar100", repo_type="dataset", allow_patterns="cifar100/*.parquet"
        )
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise DataError(
            f"CIFAR-100 can't be downloaded: {reason}. If it is on your disk, name the folder of "
            "its parquet files: load_dataset('cifar100', DIR), or --data DIR."
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
    known = (schema.metadata or {}).get(b"huggingface")
    if known:
        features = json.loads(known).get("info", {}).get("features", {})
        names = features.get(label, {}).get("names")
        if names:
            return tuple(names)
    return tuple(str(value) for value in range(int(labels.max()) + 1))
