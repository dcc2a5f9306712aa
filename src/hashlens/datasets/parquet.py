"""Labeled images in parquet files, as the public hub publishes them; CIFAR-100 among them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.arrays import Labels
from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.parts import Part, PartName, join_parts, part_named, part_of_file
from hashlens.datasets.source_findings import SourceFindings, listed
from hashlens.errors import DataError, ImageError, MissingExtraError


def load_parquet(root: Path, seed: int = 0) -> Dataset:
    """Open a folder of parquet files whose names, or folders, begin with the name of their part.

    Parameters
    ----------
    root : Path
    seed : int
        Seed of the test part, if no file is named for it.

    Raises
    ------
    DataError
        If there are no such files, they are damaged, or their columns do not fit.
    MissingExtraError
        If pyarrow is not installed.
    """
    files: dict[PartName, list[Path]] = {}
    others: list[str] = []
    for file in sorted(root.rglob("*.parquet")):
        part = part_of_file(file.name) or part_named(file.parent.name)
        if part is None:
            others.append(str(file))
        else:
            files.setdefault(part, []).append(file)
    if not {"train"} < set(files):
        found = [file for some in files.values() for file in map(str, some)] + others
        raise DataError(
            f"{root} needs parquet files named train* and test* (or validation*). "
            f"Got {listed(found) or 'none'}. Or name the parts yourself: --train PATH --test PATH, "
            "in Python load_dataset(train=PATH, test=PATH)."
        )
    parts = {part: open_parquet(some) for part, some in files.items()}
    return join_parts(
        parts,
        str(root),
        seed,
        published=True,
        findings=SourceFindings(no_parts=tuple(others)),
    )


def open_parquet(files: list[Path]) -> Part:
    """Open parquet files as one part.

    Raises
    ------
    DataError
        If they are damaged, or their columns do not fit.
    """
    images = ParquetImages(files)
    return Part(images.classes, images)


class ParquetImages(LabeledImages):
    """Images in parquet files with a column ``img`` or ``image``, and a label.

    An image is a struct ``{bytes, path}``, or the bytes themselves.
    """

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
            self._images = _image_bytes(table.column(image).combine_chunks(), files[0])
            numbers = table.column(label)
            if numbers.null_count or not pa.types.is_integer(numbers.type):
                raise DataError(
                    f"The parquet files in {files[0].parent} need a whole number for every image "
                    f"in the column {label}. Got {numbers.type}, {numbers.null_count:,} missing."
                )
            labels = np.asarray(numbers.to_numpy()).astype(np.int64)
        except pa.ArrowException as error:
            raise DataError(
                f"{files[0].parent} holds a parquet file that is damaged: {error}"
            ) from error
        self.classes, self.labels = _classes(schema, label, labels)
        self._where = str(files[0].parent)

    def read(self, index: int) -> bytes:
        """Return the image's bytes."""
        data: bytes | None = self._images[index].as_py()
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


def _image_bytes(column: Any, file: Path) -> Any:
    """Return the column of an image's bytes.

    Raises
    ------
    DataError
        If images are neither bytes nor structs that have them.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
        column = column.field("bytes")
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return column
    raise DataError(
        f"{file} holds images of the type {kind}. Expected the bytes of image files, or a struct "
        "of their bytes and path, as the public hub has it. Paths alone can be listed in a CSV "
        "file with the columns path and label."
    )


def _classes(schema: Any, label: str, labels: Labels) -> tuple[tuple[str, ...], Labels]:
    """Return the names of classes, and labels that count in them.

    The names are those of the hub's metadata, else the numbers that occur. Negative labels stay.
    """
    known = (schema.metadata or {}).get(b"huggingface")
    if known:
        features = json.loads(known).get("info", {}).get("features", {})
        names = features.get(label, {}).get("names")
        if names:
            return tuple(names), labels
    values = np.unique(labels[labels >= 0])
    numbered = np.where(labels < 0, labels, np.searchsorted(values, labels))
    return tuple(map(str, values.tolist())), numbered.astype(np.int64)
