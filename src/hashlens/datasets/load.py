"""Open a labeled data set of whatever form."""

from __future__ import annotations

import os
from pathlib import Path

from hashlens.datasets.class_folders import load_class_folders
from hashlens.datasets.dataset import Dataset
from hashlens.datasets.label_table import load_label_table
from hashlens.datasets.parquet import download_cifar100, load_parquet
from hashlens.errors import DataError


def load_dataset(
    data: str | os.PathLike[str], folder: str | Path | None = None, seed: int = 0
) -> Dataset:
    """Open a labeled data set.

    Parameters
    ----------
    data : str or Path
        A folder with a sub-folder per class, with or without ``train/`` and ``test/`` above them;
        a folder of parquet files named ``train*`` and ``test*``; a CSV file, see
        `hashlens.datasets.label_table.read_label_table`; or the name ``cifar100``, which is
        downloaded once from the public hub and cached by it.
    folder : Path, optional
        Where a data set given by name lies on disk, instead of a download.
    seed : int, default 0
        Seed of the test part, a fifth of every class, unless the data set names one itself.

    Raises
    ------
    DataError
        If there is no such folder or file, or it has none of these forms.
    """
    if str(data) == "cifar100":
        return load_parquet(download_cifar100() if folder is None else Path(folder).expanduser())
    root = Path(data if folder is None else folder).expanduser()
    if root.is_file():
        return load_label_table(root, seed)
    if not root.is_dir():
        raise DataError(
            f"The data set {str(root)!r} does not exist. Expected a folder with a sub-folder per "
            "class, a folder of parquet files, a CSV file with the columns path and label, or the "
            "name 'cifar100'."
        )
    if any(root.glob("*.parquet")):
        return load_parquet(root)
    return load_class_folders(root, seed)
