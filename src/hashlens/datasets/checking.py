"""Check all images of a labeled data set before it is trained on."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from hashlens.datasets.dataset import Dataset, ImageSubset, LabeledImages
from hashlens.datasets.described import DescribedDataset, describe_checked
from hashlens.datasets.findings import Conflict, DataCheck
from hashlens.datasets.parts import check_label_numbers
from hashlens.datasets.protocols import Split, make_split
from hashlens.descriptors import Descriptor
from hashlens.errors import DataError, ImageError
from hashlens.images.decode import Fit, decode_image
from hashlens.images.pipeline import map_ordered
from hashlens.labels import images_per_class, label_set, occurring
from hashlens.progress import OnMessage, OnProgress, no_message

_Place = tuple[str, int]
"""Name of a part, and index of an image in it."""
MIN_DATABASE = 5
"""Fewest images that can be searched: precision is measured at 5."""
_GLANCE = Fit(64)
"""Size at which images are decoded to see whether they can be."""


class SelectedImages(ImageSubset):
    """Some images of a sequence, whose content keys are known.

    Parameters
    ----------
    images : LabeledImages
    rows : list of int
    keys : list of bytes
        The ``content_key`` of each.
    """

    def __init__(self, images: LabeledImages, rows: list[int], keys: list[bytes]) -> None:
        super().__init__(images, np.array(rows, dtype=np.int64))
        self.keys = keys

    def content_key(self, index: int) -> bytes:
        """Return the SHA-256 of the image file's bytes without reading them again."""
        return self.keys[index]


def check_dataset(
    dataset: Dataset, decode: bool = False, on_progress: OnProgress | None = None
) -> tuple[Dataset, DataCheck]:
    """Return the part of a data set that can be used, and what was found in all of it.

    Parameters
    ----------
    dataset : Dataset
    decode : bool
        Whether to decode the images too. Otherwise, images that can't be decoded are found and left
        out when they are described.
    on_progress : callable, optional
        Called with "check train", "check validation" or "check test", and the images of this part
        that are checked.

    Returns
    -------
    Dataset
        Without unreadable images, images whose classes the training part lacks and, unless the
        data set is a published one, without copies and images with contradicting labels.
    DataCheck

    Raises
    ------
    DataError
        If a label is not the number of a class; if no image is left in a part, or only one class.
    """
    for name, images in dataset.parts.items():
        check_label_numbers(
            images.labels, len(dataset.classes), f"The {name} part of {dataset.source}"
        )
    keys, unreadable = _look_at_all(dataset, decode, on_progress)
    same = _compare(dataset, keys)
    tables = [part.labels for part in dataset.parts.values() if part.labels.ndim == 2]
    kept = [place for place in keys if dataset.published or place not in same.surplus]
    kept, untrained = _with_trained_classes(dataset, kept)
    check = DataCheck(
        source=dataset.source,
        classes=_class_counts(dataset),
        images=(len(dataset.train), len(dataset.test)),
        several=sum(int((table.sum(axis=1) > 1).sum()) for table in tables),
        unreadable=(*dataset.findings.unreadable, *unreadable),
        conflicts=tuple(same.conflicts),
        copies=tuple(same.copies),
        crossing=tuple(same.crossing),
        as_it_is=dataset.published,
        validation=0 if dataset.validation is None else len(dataset.validation),
        untrained=untrained,
        source_findings=dataset.findings,
    )
    usable = {
        name: SelectedImages(
            images,
            [index for part, index in kept if part == name],
            [keys[place] for place in kept if place[0] == name],
        )
        for name, images in dataset.parts.items()
    }
    chosen_by = usable.get("validation")
    checked = replace(
        dataset,
        train=usable["train"],
        validation=chosen_by if chosen_by is not None and len(chosen_by) else None,
        test=usable["test"],
    )
    _check_enough(checked, check)
    return checked, check


def check_and_describe(
    dataset: Dataset,
    descriptor: Descriptor,
    *,
    protocol: str | None = None,
    split_seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
    strict: bool = False,
    on_progress: OnProgress | None = None,
    on_message: OnMessage = no_message,
) -> DescribedDataset:
    """Return the descriptors of what can be used of a data set, however little that is.

    Parameters
    ----------
    dataset : Dataset
    descriptor : Descriptor
    protocol : {"standard", "heldout", "unseen"}, optional
        The protocol that the data must be measurable by; checked before any image is described.
    split_seed : int
        Seed of the protocol's split.
    cache : path, optional
        Folder of descriptor caches; by default the user's.
    strict : bool
        Whether to refuse data of which anything is left out, see `DataCheck.check_complete`.
    on_progress : callable, optional
    on_message : callable, optional
        Called with what is left out, one line of text each.

    Raises
    ------
    ParameterError, DataError
        If the data can't be measured by the protocol.
    """
    usable, found = check_dataset(dataset, on_progress=on_progress)
    for line in found.losses():
        on_message(line)
    if strict:
        found.check_complete()
    if protocol is not None:
        check_protocol(usable, protocol, split_seed)
    return describe_checked(
        replace(usable, validation=None),  # nothing is chosen here
        found,
        descriptor,
        cache=cache,
        strict=strict,
        on_progress=on_progress,
        on_message=on_message,
    )


def check_protocol(data: Dataset | DescribedDataset, protocol: str, seed: int = 0) -> Split:
    """Return the split of a data set, if its precision can be measured by the protocol.

    Parameters
    ----------
    data : Dataset or DescribedDataset
    protocol : {"standard", "heldout", "unseen"}
    seed : int

    Raises
    ------
    ParameterError
        If there is no such protocol.
    DataError
        If the labels can't be divided, or fewer than `MIN_DATABASE` images would be searched.
    """
    split = make_split(protocol, data.train.labels, data.test.labels, seed)
    if len(split.database) < MIN_DATABASE:
        raise DataError(
            f"The protocol {protocol!r} leaves {len(split.database)} images of {data.source} to "
            f"be searched. Expected at least {MIN_DATABASE}, because precision is measured at "
            f"{MIN_DATABASE}: add images."
        )
    return split


def _look_at_all(
    dataset: Dataset, decode: bool, on_progress: OnProgress | None
) -> tuple[dict[_Place, bytes], list[tuple[str, str]]]:
    """Return the keys of images that can be read, in order, and (name, reason) of the others."""
    keys: dict[_Place, bytes] = {}
    unreadable = []

    def look(place: _Place) -> bytes:
        images = parts[place[0]]
        key = images.content_key(place[1])
        if decode:
            decode_image(images.read(place[1]), _GLANCE)
        return key

    parts = dataset.parts
    places = ((part, index) for part, images in parts.items() for index in range(len(images)))
    for (part, index), found in map_ordered(look, places):
        if isinstance(found, ImageError):
            unreadable.append((parts[part].name(index), str(found)))
        else:
            keys[part, index] = found
        if on_progress is not None:
            on_progress(f"check {part}", index + 1, len(parts[part]))
    return keys, unreadable


@dataclass(slots=True)
class _Same:
    """Images with the content of others; ``surplus`` are those to leave out."""

    conflicts: list[Conflict] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)
    crossing: list[tuple[str, str]] = field(default_factory=list)
    surplus: set[_Place] = field(default_factory=set)


def _compare(dataset: Dataset, keys: dict[_Place, bytes]) -> _Same:
    parts = dataset.parts
    places: dict[bytes, list[_Place]] = defaultdict(list)
    for place, key in keys.items():
        places[key].append(place)
    found = _Same()
    for same in (same for same in places.values() if len(same) > 1):
        names = [parts[part].name(index) for part, index in same]
        labels = [label_set(parts[part].labels, index) for part, index in same]
        if len(set(labels)) > 1:
            told = ("|".join(dataset.classes[label] for label in several) for several in labels)
            found.conflicts.append(Conflict(tuple(names), tuple(told)))
            found.surplus.update(same)
            continue
        # Training images come first, so that a content in two parts stays in the training part.
        for (part, index), name in zip(same[1:], names[1:], strict=True):
            pairs = found.copies if part == same[0][0] else found.crossing
            pairs.append((name, names[0]))
            found.surplus.add((part, index))
    return found


def _with_trained_classes(
    dataset: Dataset, places: list[_Place]
) -> tuple[list[_Place], dict[str, int]]:
    """Return the places of images with a class in the training part; count the others by class."""
    train = [index for part, index in places if part == "train"]
    trained = set(occurring(dataset.train.labels[np.array(train, dtype=np.int64)]).tolist())
    parts, kept = dataset.parts, list[_Place]()
    untrained: Counter[str] = Counter()
    for part, index in places:
        labels = label_set(parts[part].labels, index)
        if part == "train" or trained.intersection(labels):
            kept.append((part, index))
        else:
            untrained.update(dataset.classes[label] for label in labels)
    return kept, dict(untrained)


def _class_counts(dataset: Dataset) -> dict[str, tuple[int, int]]:
    count = len(dataset.classes)
    train, test = (images_per_class(p.labels, count) for p in (dataset.train, dataset.test))
    return {
        name: (int(train[label]), int(test[label])) for label, name in enumerate(dataset.classes)
    }


def _check_enough(dataset: Dataset, check: DataCheck) -> None:
    lost = f" {len(check.unreadable):,} images can't be read." if check.unreadable else ""
    if check.conflicts and not check.as_it_is:
        lost += f" {len(check.conflicts):,} have contradicting labels."
    if check.untrained and not len(dataset.test):
        raise DataError(
            f"The test part of {check.source} has none of the training part's classes, so no right "
            "answer could be found: test images are searched among training images. To measure "
            "classes that were not trained on, put both parts into one, and use the protocol "
            f"'unseen'.{lost}"
        )
    for images, what in ((dataset.train, "to train on"), (dataset.test, "to test with")):
        if not len(images):
            raise DataError(
                f"{check.source} leaves no image {what}. Expected at least 3 different images per "
                "class, so that one can be kept for the test, or a test part of its own."
                f"{lost}"
            )
    present = occurring(dataset.train.labels)
    if len(present) < 2:
        only = dataset.classes[int(present[0])]
        raise DataError(
            f"{check.source} leaves only one class to train on: {only!r}. Expected at "
            f"least two classes.{lost}"
        )
