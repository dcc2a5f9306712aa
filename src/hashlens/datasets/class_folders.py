"""Labeled images in class folders: one sub-folder per class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashlens.datasets.dataset import Dataset, ImageFiles
from hashlens.datasets.parts import Part, join_parts, part_named
from hashlens.datasets.source_findings import SourceFindings, listed
from hashlens.errors import DataError
from hashlens.images.exclusions import Exclusions
from hashlens.images.formats import IMAGE_SUFFIXES
from hashlens.images.passed_over import EXCLUDED, HIDDEN, PassedOver
from hashlens.images.walk import walk_images


def load_class_folders(root: Path, seed: int = 0) -> Dataset:
    """Open a folder with a sub-folder per class, or with such a folder for each part.

    Parameters
    ----------
    root : Path
    seed : int
        Seed of the test part, if no folder is named for it.

    Raises
    ------
    DataError
        If there are fewer than two classes, no images in them, or the folders look like parts whose
        names are unknown.
    """
    folders = _visible_folders(root, PassedOver())
    named = [(name, path) for path in folders if (name := part_named(path.name)) is not None]
    parts = dict(named)
    usable = "train" in parts and len(parts) > 1
    if not parts or (not usable and len(named) < len(folders)):
        part, found = open_class_folders(root)
        _refuse_unknown_parts(root, part)
        return join_parts({"train": part}, str(root), seed, findings=found)
    if len(parts) < len(named):
        twice = ", ".join(path.name for _, path in named)
        raise DataError(f"{root} has two folders for the same part: {twice}. Rename one of them.")
    if len(parts) == 1:
        (only,) = parts.values()
        raise DataError(
            f"{root} has only one part: {only.name}. To draw the test part from it, name it as the "
            f"training part: --train {only}, in Python load_dataset(train=DIR)."
        )
    beside = tuple(str(path) for path in folders if path not in parts.values())
    opened = {name: open_class_folders(path) for name, path in parts.items()}
    findings = [SourceFindings(no_parts=beside), *(found for _, found in opened.values())]
    return join_parts(
        {name: part for name, (part, _) in opened.items()},
        str(root),
        seed,
        findings=SourceFindings.of_all(findings),
    )


def open_class_folders(root: Path) -> tuple[Part, SourceFindings]:
    """Open a folder with a sub-folder per class; a folder without images is none.

    Raises
    ------
    DataError
        If there are fewer than two sub-folders, or no images in them.
    """
    passed_over = PassedOver()
    errors: list[tuple[str, str]] = []
    classes: list[str] = []
    empty: list[str] = []
    paths: list[Path] = []
    labels: list[int] = []
    folders = _visible_folders(root, passed_over)
    for folder in folders:
        walk = walk_images(
            [folder],
            on_error=lambda path, reason: errors.append((path, reason)),
            passed_over=passed_over,
        )
        if images := [Path(path) for path in walk]:
            labels += [len(classes)] * len(images)
            classes.append(folder.name)
            paths += images
        else:
            empty.append(str(folder))
    beside = _images_beside(root)
    found = SourceFindings(passed_over, beside, tuple(empty), (), tuple(errors))
    if len(folders) < 2 or not paths:
        lost = " ".join(f"{line}." for line in found.lines())
        what = f"{len(folders)}" if len(folders) < 2 else "no images in them"
        raise DataError(
            f"{root} needs at least two sub-folders, one per class, with images in them. "
            f"Got {what}. {lost}".rstrip()
        )
    return Part(tuple(classes), ImageFiles(paths, np.array(labels, dtype=np.int64))), found


def _visible_folders(root: Path, passed_over: PassedOver) -> list[Path]:
    """Return the folders in a folder, but for those that are hidden or excluded."""
    exclusions = Exclusions()
    visible = []
    for path in sorted(root.iterdir()):
        if not path.is_dir():
            continue
        if path.name.startswith("."):
            passed_over.add(HIDDEN, path.name, True)
        elif exclusions.leave_out(path.name, folder=True):
            passed_over.add(EXCLUDED, path.name, True)
        else:
            visible.append(path)
    return visible


def _images_beside(root: Path) -> tuple[str, ...]:
    return tuple(
        str(path)
        for path in sorted(root.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )


def _refuse_unknown_parts(root: Path, part: Part) -> None:
    """Refuse folders whose images all lie in sub-folders of the same names, at least two.

    Raises
    ------
    DataError
    """
    images = part.images
    assert isinstance(images, ImageFiles)
    below: list[set[str]] = [set() for _ in part.classes]
    for path, label in zip(images.paths, images.labels.tolist(), strict=True):
        inner = path.relative_to(root).parts[1:-1]
        if not inner:
            return
        below[label].add(inner[0])
    common = sorted(set.intersection(*below))
    if len(below) > 1 and len(common) > 1:
        raise DataError(
            f"The folders {listed(part.classes)} in {root} have the same sub-folders "
            f"({listed(common)}), so they look like parts of a data set, not like classes. If they "
            "are parts, name them: --train DIR --test DIR, in Python load_dataset(train=DIR, "
            f"test=DIR). If they are classes, say so: --train {root}, load_dataset(train=DIR)."
        )
