"""Open a labeled data set of whatever form."""

from __future__ import annotations

import os
from pathlib import Path

from hashlens.datasets.class_folders import load_class_folders, open_class_folders
from hashlens.datasets.dataset import Dataset
from hashlens.datasets.label_table import load_label_table, open_label_table
from hashlens.datasets.parquet import download_cifar100, load_parquet, open_parquet
from hashlens.datasets.parts import Part, PartName, join_parts, part_named, part_of_file
from hashlens.datasets.source_findings import SourceFindings
from hashlens.errors import DataError, ParameterError

AnyPath = str | os.PathLike[str]
_PARQUET = ".parquet"


def load_dataset(
    data: AnyPath | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    *,
    train: AnyPath | None = None,
    validation: AnyPath | None = None,
    test: AnyPath | None = None,
) -> Dataset:
    """Open a labeled data set.

    Parts are recognized by usual names, in any case: ``train`` or ``training``; ``val``, ``valid``,
    ``validation`` or ``dev``; ``test`` or ``testing``.

    Parameters
    ----------
    data : str or Path, optional
        A folder with a sub-folder per class, or with such a folder for each part; a folder of
        parquet files whose names begin with their part; a CSV file, see
        `hashlens.datasets.label_table.read_label_table`; or the name ``cifar100``, which is
        downloaded once from the public hub and cached by it.
    folder : Path, optional
        Where a data set given by name lies on disk, instead of a download.
    seed : int, default 0
        Seed of the test part, a fifth of every training class, unless the data set names one.
    train, validation, test : str or Path, optional
        The parts, instead of ``data``: each a folder with a sub-folder per class, a CSV file, a
        parquet file or a folder of these.

    Raises
    ------
    ParameterError
        If not exactly one of ``data`` and ``train`` is given.
    DataError
        If there is no such folder or file, or it has none of these forms.
    """
    named: dict[PartName, AnyPath | None] = {"train": train, "validation": validation, "test": test}
    given = {part: Path(path).expanduser() for part, path in named.items() if path is not None}
    if (data is None) != ("train" in given) or (data is not None and given):
        raise ParameterError(
            "A data set is given as a whole or by its parts: 'data', or 'train' and optionally "
            "'validation' and 'test'."
        )
    if data is None:
        return _load_parts(given, seed)
    if str(data) == "cifar100":
        where = download_cifar100() if folder is None else Path(folder).expanduser()
        return load_parquet(where, seed)
    root = Path(data if folder is None else folder).expanduser()
    if root.is_file():
        return load_label_table(root, seed)
    if not root.is_dir():
        raise DataError(
            f"The data set {str(root)!r} does not exist. Expected a folder with a sub-folder per "
            "class, a folder of parquet files, a CSV file with the columns path and label, or the "
            "name 'cifar100'."
        )
    if any(root.glob("*" + _PARQUET)) or any(
        part_of_file(file.name) or part_named(file.parent.name)
        for file in root.glob("*/*" + _PARQUET)
    ):
        return load_parquet(root, seed)
    return load_class_folders(root, seed)


def _load_parts(paths: dict[PartName, Path], seed: int) -> Dataset:
    opened = {part: _open_part(path) for part, path in paths.items()}
    return join_parts(
        {part: images for part, (images, _) in opened.items()},
        " + ".join(map(str, paths.values())),
        seed,
        findings=SourceFindings.of_all(found for _, found in opened.values()),
    )


def _open_part(path: Path) -> tuple[Part, SourceFindings]:
    if path.is_dir():
        files = sorted(path.glob("*" + _PARQUET))
        return (open_parquet(files), SourceFindings()) if files else open_class_folders(path)
    if not path.is_file():
        raise DataError(
            f"The part {str(path)!r} does not exist. Expected a folder with a sub-folder per "
            "class, a CSV file, a parquet file or a folder of these."
        )
    part = open_parquet([path]) if path.suffix == _PARQUET else open_label_table(path)
    return part, SourceFindings()
