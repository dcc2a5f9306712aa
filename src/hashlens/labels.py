"""Labels of images: one each, (n,) integers, or several, an (n, C) table of which hold.

The form is scikit-learn's: a table of 0 and 1, or of booleans, is its "multilabel indicator". Two
images are relevant to each other if they share a label.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Labels
from hashlens.errors import DataError


def has_sets(labels: npt.ArrayLike) -> bool:
    """Return whether labels are a table, so that an image may have several."""
    return np.ndim(labels) == 2


def check_any_labels(labels: npt.ArrayLike, count: int, caller: str) -> AnyLabels:
    """Return labels of ``count`` images as int64 (count,) or bool (count, C).

    Raises
    ------
    DataError
        If they have another shape or dtype, or an image of a table has no label.

    Examples
    --------
    >>> check_any_labels([[0, 1], [1, 1]], 2, "fit")
    array([[False,  True],
           [ True,  True]])
    """
    array = np.asarray(labels)
    if array.ndim not in (1, 2) or len(array) != count:
        raise DataError(
            f"{caller} expects {count} labels, shape ({count},), or a table of which labels each "
            f"has, shape ({count}, classes). Got {array.shape}."
        )
    if array.dtype.kind not in "iub":
        raise DataError(f"{caller} expects integer labels. Got dtype {array.dtype}.")
    if array.ndim == 1:
        return array.astype(np.int64)
    if not ((array == 0) | (array == 1)).all():
        raise DataError(f"{caller} expects a table of labels to hold 0 and 1 only.")
    without = int((~array.any(axis=1)).sum())
    if without:
        raise DataError(f"{caller} expects a label of every image. {without} of {count} have none.")
    return array.astype(np.bool_)


def one_each(labels: AnyLabels, caller: str) -> Labels:
    """Return labels (n,), or say that ``caller`` takes no table of them.

    Raises
    ------
    DataError
    """
    if labels.ndim == 2:
        raise DataError(
            f"{caller} expects one label an image. Got a table of {labels.shape[1]} labels, of "
            "which an image may have several."
        )
    return np.asarray(labels, dtype=np.int64)


def occurring(labels: AnyLabels) -> Labels:
    """Return the labels that some image has, ascending."""
    if labels.ndim == 1:
        return np.unique(labels).astype(np.int64)
    return np.flatnonzero(labels.any(axis=0))


def training_targets(labels: AnyLabels) -> tuple[AnyLabels, int]:
    """Return labels renumbered from 0 without gaps, and how many there are.

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


def images_a_class(labels: AnyLabels, classes: int) -> Labels:
    """Return how many images have each label from 0 to ``classes`` − 1."""
    if labels.ndim == 1:
        return np.bincount(labels, minlength=classes).astype(np.int64)
    return np.asarray(labels.sum(axis=0, dtype=np.int64))


def label_set(labels: AnyLabels, index: int) -> tuple[int, ...]:
    """Return the labels of one image, ascending."""
    if labels.ndim == 1:
        return (int(labels[index]),)
    return tuple(np.flatnonzero(labels[index]).tolist())


def rarest_label(labels: AnyLabels) -> Labels:
    """Return of every image's labels the one that the fewest images have.

    Examples
    --------
    >>> rarest_label(np.array([[1, 1], [1, 0]], dtype=bool))
    array([1, 0])
    """
    if labels.ndim == 1:
        return np.asarray(labels, np.int64)
    counts = images_a_class(labels, labels.shape[1])
    rarest = np.where(labels, counts, np.iinfo(np.int64).max).argmin(axis=1)
    return np.asarray(rarest, np.int64)
