"""Parts of a labeled data set: recognized by name, opened one by one, joined into a data set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hashlens.arrays import AnyLabels
from hashlens.datasets.dataset import Dataset, ImageSubset, LabeledImages, stratified_split
from hashlens.datasets.source_findings import SourceFindings
from hashlens.errors import DataError
from hashlens.labels import rarest_label

PartName = Literal["train", "validation", "test"]
PART_NAMES: dict[str, PartName] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Usual names of the parts, in lower case."""
_ORDER: tuple[PartName, ...] = ("train", "validation", "test")
TEST_SHARE = 0.2
"""Share of every class in the training part that becomes the test part if there is none."""
_LEADING_WORD = re.compile(r"[A-Za-z]+")


def part_named(name: str) -> PartName | None:
    """Return the part that a folder's name or a column's value stands for, in any case.

    Examples
    --------
    >>> part_named("Val"), part_named("training"), part_named("test tubes")
    ('validation', 'train', None)
    """
    return PART_NAMES.get(name.strip().lower())


def part_of_file(name: str) -> PartName | None:
    """Return the part that the first word of a file's name stands for.

    Examples
    --------
    >>> part_of_file("Validation-00000-of-00002.parquet"), part_of_file("all.parquet")
    ('validation', None)
    """
    word = _LEADING_WORD.match(name)
    return None if word is None else part_named(word.group())


@dataclass(frozen=True, slots=True)
class Part:
    """Labeled images of one part, whose labels count in its own list of classes."""

    classes: tuple[str, ...]
    images: LabeledImages


def join_parts(
    parts: dict[PartName, Part],
    source: str,
    seed: int,
    *,
    published: bool = False,
    findings: SourceFindings | None = None,
) -> Dataset:
    """Return a data set of parts; without a test part, a fifth of every training class is it.

    Parameters
    ----------
    parts : dict
        With "train", and optionally "validation" and "test".
    source : str
    seed : int
        Seed of the random choice.
    published : bool
    findings : SourceFindings, optional

    Raises
    ------
    DataError
        If there is no training part, or a label has no class.
    """
    if "train" not in parts:
        raise DataError(
            f"{source} has no training part, only {' and '.join(parts)}. Expected a part named "
            "train or training, or name it yourself: --train DIR --test DIR, in Python "
            "load_dataset(train=DIR, test=DIR)."
        )
    parts = {name: parts[name] for name in _ORDER if name in parts}
    classes = tuple(dict.fromkeys(name for part in parts.values() for name in part.classes))
    several = any(part.images.labels.ndim == 2 for part in parts.values())
    images: dict[PartName, LabeledImages] = {}
    for name, part in parts.items():
        check_label_numbers(part.images.labels, len(part.classes), f"The {name} part of {source}")
        images[name] = _renumbered(part, classes, several)
    train, test = images["train"], images.get("test")
    if test is None:
        train, test = split_off_test(train, seed)
        source = f"{source} (a fifth of every class is the test part, seed {seed})"
    return Dataset(
        classes,
        train,
        test,
        source,
        published,
        images.get("validation"),
        findings or SourceFindings(),
    )


def split_off_test(images: LabeledImages, seed: int) -> tuple[LabeledImages, LabeledImages]:
    """Return four fifths of every class, and the other fifth.

    An image of several labels counts as one of its rarest.
    """
    in_test = stratified_split(rarest_label(images.labels), TEST_SHARE, seed)
    kept, held_out = (ImageSubset(images, np.flatnonzero(mask)) for mask in (~in_test, in_test))
    return kept, held_out


def check_label_numbers(labels: AnyLabels, classes: int, where: str) -> None:
    """Refuse labels that are not numbers of classes.

    Raises
    ------
    DataError
    """
    if labels.ndim == 2:
        if labels.shape[1] != classes:
            raise DataError(
                f"{where} has a table of {labels.shape[1]} labels, but there are {classes} classes."
            )
        return
    negative = int((labels < 0).sum())
    if negative:
        raise DataError(
            f"{where} has {negative:,} of {len(labels):,} images with a negative label, which "
            "usually means that their label is not published. Expected numbers from 0. Remove "
            "these images or, if a whole part is unlabeled, name the labeled parts: --train PATH "
            "--test PATH, in Python load_dataset(train=PATH, test=PATH)."
        )
    if len(labels) and int(labels.max()) >= classes:
        raise DataError(
            f"{where} has the label {int(labels.max())}, but there are only {classes:,} classes, "
            "numbered from 0."
        )


def _renumbered(part: Part, classes: tuple[str, ...], several: bool) -> LabeledImages:
    """Return the images of a part with labels that count in the list of all classes.

    With ``several``, labels become a table.
    """
    if part.classes == classes and several == (part.images.labels.ndim == 2):
        return part.images
    number = {name: label for label, name in enumerate(classes)}
    new = np.array([number[name] for name in part.classes], dtype=np.int64)
    old = part.images.labels
    labels: AnyLabels
    if not several:
        labels = new[old]
    else:
        labels = np.zeros((len(old), len(classes)), dtype=np.bool_)
        if old.ndim == 1:
            labels[np.arange(len(old)), new[old]] = True
        else:
            labels[:, new] = old
    return ImageSubset(part.images, np.arange(len(old)), labels)
