"""Labeled images in class folders: one sub-folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashlens.datasets.dataset import Dataset, ImageFiles, split_off_test
from hashlens.errors import DataError
from hashlens.images.walk import walk_images


def load_class_folders(root: Path, seed: int = 0) -> Dataset:
    """Open a folder with a sub-folder per class, or with two such folders, ``train`` and ``test``.

    Parameters
    ----------
    root : Path
    seed : int
        Seed of the test part, if there is no folder of that name.

    Raises
    ------
    DataError
        If there are fewer than two classes, or no images in them.
    """
    if (root / "train").is_dir() and (root / "test").is_dir():
        classes = _class_folders(root / "train")
        train, test = (_files(root / part, classes) for part in ("train", "test"))
        return Dataset(classes, train, test, str(root))
    classes = _class_folders(root)
    return split_off_test(classes, _files(root, classes), root, seed)


def _class_folders(root: Path) -> tuple[str, ...]:
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise DataError(
            f"{root} needs at least two sub-folders, one per class, with images in them. "
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
