"""Labels of images: one per image, as (n,) integers, or several, as an (n, C) 0/1 table.

The forms are those of scikit-learn, which calls a table of 0 and 1, or of booleans, a "multilabel
indicator". Two images are relevant to each other if they share a label.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Labels
from hashlens.errors import DataError


def has_sets(labels: npt.ArrayLike) -> bool:
    """Return whether labels are a table, in which an image may have several labels."""
    return np.ndim(labels) == 2


def check_any_labels(labels: npt.ArrayLike, count: int, caller: str) -> AnyLabels:
    """Return the labels of ``count`` images as int64 (count,) or bool (count, C).

    Raises
    ------
    DataError
        If the shape or dtype is wrong, or an image has no label in the table.

    Examples
    --------
    >>> check_any_labels([[0, 1], [1, 1]], 2, "fit")
    array([[False,  True],
           [ True,  True]])
    """
    array = np.asarray(labels)
    if array.ndim not in (1, 2) or len(array) != count:
        raise DataError(
            f"{caller} expects {count} labels, shape ({count},), or a table of 0 and 1, shape "
            f"({count}, classes). Got {array.shape}."
        )
    if array.dtype.kind not in "iub":
        raise DataError(f"{caller} expects integer labels. Got dtype {array.dtype}.")
    if array.ndim == 1:
        return array.astype(np.int64)
    if not ((array == 0) | (array == 1)).all():
        raise DataError(f"{caller} expects a table of labels to hold only 0 and 1.")
    without = int((~array.any(axis=1)).sum())
    if without:
        raise DataError(
            f"{caller} expects at least one label per image. {without} of {count} images have none."
        )
    return array.astype(np.bool_)


def one_each(labels: AnyLabels, caller: str) -> Labels:
    """Return labels (n,), if they are not a table.

    Raises
    ------
    DataError
        If they are a table; ``caller`` is named in the message.
    """
    if labels.ndim == 2:
        raise DataError(
            f"{caller} expects one label per image. Got a table of {labels.shape[1]} labels, in "
            "which an image may have several."
        )
    return np.asarray(labels, dtype=np.int64)


def occurring(labels: AnyLabels) -> Labels:
    """Return the labels of at least one image, in ascending order."""
    if labels.ndim == 1:
        return np.unique(labels).astype(np.int64)
    return np.flatnonzero(labels.any(axis=0))


def training_targets(labels: AnyLabels) -> tuple[AnyLabels, int]:
    """Return labels renumbered from 0 without gaps, and their number.

    Examples
    --------
    >>> training_targets(np.array([7, 3, 7]))
    (array([1, 0, 1]), 2)
    """
    if labels.ndim == 1:
        classes, numbered = np.unique(labels, return_inverse=True)
        return np.asarray(numbered, dtype=np.int64), len(classes)
    classes = occurring(labels)
    return np.asarray(labels[:, classes], dtype=np.bool_), len(classes)


def images_per_class(labels: AnyLabels, classes: int) -> Labels:
    """Return the number of images with each label from 0 to ``classes`` − 1."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=classes).astype(np.int64)
    return np.asarray(labels.sum(axis=0, dtype=np.int64))


def label_set(labels: AnyLabels, index: int) -> tuple[int, ...]:
    """Return the labels of one image, in ascending order."""
    if labels.ndim == 1:
        return (int(labels[index]),)
    return tuple(np.flatnonzero(labels[index]).tolist())


def rarest_label(labels: AnyLabels) -> Labels:
    """Return the rarest of each image's labels.

    Examples
    --------
    >>> rarest_label(np.array([[1, 1], [1, 0]], dtype=bool))
    array([1, 0])
    """
    if labels.ndim == 1:
        return np.asarray(labels, np.int64)
    counts = images_per_class(labels, labels.shape[1])
    rarest = np.where(labels, counts, np.iinfo(np.int64).max).argmin(axis=1)
    return np.asarray(rarest, np.int64)
