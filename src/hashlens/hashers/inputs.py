"""Checks of what ``fit`` and ``transform`` are given; messages use scikit-learn's key phrases."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Floats, Labels, Rows
from hashlens.errors import DataError
from hashlens.labels import check_any_labels, training_targets

TAKE_SEVERAL_LABELS = ("dlbhc", "autoencoder", "codebook")
"""Methods with ``several_labels``, for messages: the registry can't be imported from here."""


def check_vectors(X: npt.ArrayLike, caller: str) -> Floats:
    """Return ``X`` as a C-contiguous float32 array of shape (n, D) with finite values only.

    Raises
    ------
    DataError
        If it is sparse, complex, not of shape (n, D) with D ≥ 1, or not finite in float32.
    TypeError
        If an entry of an array of objects is not a number.
    """
    if hasattr(X, "nnz") and hasattr(X, "toarray"):
        raise DataError(
            f"{caller} expects a dense array. Got a sparse {type(X).__name__}. "
            "Convert it with X.toarray()."
        )
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise DataError(f"{caller} expects real numbers. Complex data not supported.")
    if array.dtype.kind not in "fiubO":
        raise DataError(f"{caller} expects numbers. Got an array of dtype {array.dtype}.")
    if array.ndim != 2:
        hint = " Reshape your data with X.reshape(1, -1) if it is a single vector."
        raise DataError(
            f"{caller} expects vectors of shape (n, D). Got shape {array.shape}."
            + hint * (array.ndim == 1)
        )
    if array.shape[1] == 0:
        raise DataError(
            f"{caller} got 0 feature(s) (shape={array.shape}) while a minimum of 1 is required."
        )
    vectors = _as_float32(array, caller)
    if not np.isfinite(vectors).all():
        bad = int((~np.isfinite(vectors).all(axis=1)).sum())
        raise DataError(
            f"{caller} expects finite values. {bad} of {len(vectors)} vectors hold NaN or infinity."
        )
    return vectors


def _as_float32(array: npt.NDArray[Any], caller: str) -> Floats:
    try:
        with np.errstate(over="ignore"):  # becomes infinite, which is an error of its own
            return np.ascontiguousarray(array, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"{caller} expects numbers: {error}.") from None


def feature_names(X: npt.ArrayLike) -> npt.NDArray[np.object_] | None:
    """Return the column names of a data frame, or None if there are none or not all are strings.

    Examples
    --------
    >>> feature_names([[1, 2]]) is None
    True
    """
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = np.asarray(columns, dtype=object)
    return names if all(isinstance(name, str) for name in names) else None


def check_labels(y: npt.ArrayLike, count: int, caller: str) -> Labels:
    """Return one label per vector, numbered from 0 in the order of the labels given.

    Parameters
    ----------
    y : array of shape (count,)
        Integers, strings, booleans, or whole numbers as floats.
    count : int
        Number of vectors.
    caller : str
        For messages.

    Returns
    -------
    int64 array of shape (count,)

    Raises
    ------
    DataError
        If it has another shape or holds something other than class labels.

    Examples
    --------
    >>> check_labels(["dog", "cat", "dog"], 3, "fit")
    array([1, 0, 1])
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[0] == count and labels.shape[1] > 1:
        raise DataError(
            f"{caller} learns from one label per vector. Got a table of {labels.shape[1]} labels. "
            f"The methods that take several labels are: {', '.join(TAKE_SEVERAL_LABELS)}."
        )
    if labels.shape != (count,):
        raise DataError(f"{caller} expects {count} labels, shape ({count},). Got {labels.shape}.")
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.floor(labels)):
        raise DataError(
            f"{caller} expects integer labels or strings. Got floats that are not whole numbers or "
            "are NaN. Unknown label type: continuous."
        )
    if labels.dtype.kind not in "fiubOUS":
        raise DataError(
            f"{caller} expects integer labels or strings. Unknown label type: {labels.dtype}."
        )
    try:
        numbered = np.unique(labels, return_inverse=True)[1]
    except TypeError:
        raise DataError(
            f"{caller} expects integer labels or strings. Unknown label type: a mix of types."
        ) from None
    return np.asarray(numbered, dtype=np.int64)


def check_rows(rows: npt.ArrayLike | None, count: int, caller: str) -> Rows | None:
    """Return the rows that are held out for validation, each once; None if none are named.

    Raises
    ------
    DataError
        If they are not integers in [0, count), or there are none.
    """
    if rows is None:
        return None
    array = np.unique(np.asarray(rows))
    if array.dtype.kind not in "iu" or not len(array) or array[0] < 0 or array[-1] >= count:
        raise DataError(
            f"{caller} expects the rows of validation to be integers in [0, {count}), at least one."
        )
    return array.astype(np.int64)


def check_targets(y: npt.ArrayLike, count: int, caller: str) -> tuple[AnyLabels, int]:
    """Return one label or several per vector, numbered from 0 without gaps, and their number.

    Raises
    ------
    DataError
        As `check_labels`; or if a table holds anything but 0 and 1, or a vector has no label.
    """
    labels = np.asarray(y)
    if labels.ndim == 2:
        return training_targets(check_any_labels(labels, count, caller))
    numbered = check_labels(labels, count, caller)
    return numbered, int(numbered.max(initial=-1)) + 1
