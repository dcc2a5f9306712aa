"""Baselines for any table of codes: a linear classifier, and its answer as a code.

If the training set is the database, precision at 5 is close to classification accuracy. The label
that a classifier assigns, written in ⌈log2 classes⌉ bits, is then a strong rival of any code, and
a table without it hides that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Labels
from hashlens.codes import pack
from hashlens.errors import DataError, MissingExtraError, ParameterError


class LinearClassifier:
    """Multinomial logistic regression on centered descriptors of unit mean square.

    Because of the common scale, ``strength`` means the same for every descriptor. Dimensions are
    not scaled separately.

    Parameters
    ----------
    strength : float
        scikit-learn's C, the inverse of the L2 penalty. Larger fits the training set closer.
    iterations : int
        Maximum number of iterations of L-BFGS.

    Attributes
    ----------
    classes_ : int64 array of shape (classes,)

    Examples
    --------
    >>> X = np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [1.0, 0.2]])
    >>> LinearClassifier().fit(X, [3, 3, 8, 8]).predict([[0.0, 0.9], [0.9, 0.0]])
    array([3, 8])
    """

    def __init__(self, strength: float = 0.01, iterations: int = 200) -> None:
        self.strength = strength
        self.iterations = iterations

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> LinearClassifier:
        """Learn from descriptors (n, D) and labels (n,).

        Raises
        ------
        MissingExtraError
            If scikit-learn is not installed.
        ParameterError
            If ``strength`` is not positive.
        DataError
            If the descriptors are constant.
        """
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError as error:
            raise MissingExtraError(
                "The linear classifier baseline", "scikit-learn", "bench"
            ) from error
        if not self.strength > 0:
            raise ParameterError(
                "The 'strength' parameter of LinearClassifier must be positive. "
                f"Got {self.strength!r} instead."
            )
        vectors = np.asarray(X, dtype=np.float32)
        self.mean_ = vectors.mean(axis=0)
        centered = vectors - self.mean_
        self.scale_ = float(np.sqrt(np.mean(np.square(centered), dtype=np.float64)))
        if self.scale_ == 0:
            raise DataError("LinearClassifier expects descriptors that vary. Got constant ones.")
        model: Any = LogisticRegression(C=self.strength, max_iter=self.iterations, tol=1e-3)
        self._model = model.fit(centered / self.scale_, np.asarray(y))
        self.classes_: Labels = np.asarray(self._model.classes_, dtype=np.int64)
        return self

    def predict(self, X: npt.ArrayLike) -> Labels:
        """Return the label of each descriptor, int64 of shape (n,)."""
        vectors = (np.asarray(X, dtype=np.float32) - self.mean_) / self.scale_
        return np.asarray(self._model.predict(vectors), dtype=np.int64)

    def accuracy(self, X: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Return the share of descriptors whose label is predicted correctly."""
        return float(np.mean(self.predict(X) == np.asarray(y)))


def class_code_bits(classes: int) -> int:
    """Return ⌈log2 classes⌉, but at least 1: the bits that the number of a class takes.

    Examples
    --------
    >>> class_code_bits(100), class_code_bits(128), class_code_bits(129)
    (7, 7, 8)
    """
    if classes < 2:
        raise ParameterError(f"A class code needs at least 2 classes. Got {classes!r} instead.")
    return (classes - 1).bit_length()


def class_codes(labels: npt.ArrayLike, classes: npt.ArrayLike) -> Codes:
    """Return labels as packed binary class numbers of ⌈log2 classes⌉ bits.

    Parameters
    ----------
    labels : int array of shape (n,)
        The labels that a classifier predicted.
    classes : int array of shape (classes,)
        All labels that it can predict, sorted; the index of a label is its number.

    Returns
    -------
    uint8 array of shape (n, bytes), unused bits zero

    Examples
    --------
    >>> class_codes([30, 10], classes=[10, 20, 30])
    array([[128],
           [  0]], dtype=uint8)
    """
    known, answers = np.asarray(classes), np.asarray(labels)
    numbers = np.searchsorted(known, answers)
    if not np.array_equal(known[np.minimum(numbers, len(known) - 1)], answers):
        raise DataError("A label is not among the classes of the class code.")
    bits = class_code_bits(len(known))
    shifts = np.arange(bits - 1, -1, -1)
    return pack((numbers[:, None] >> shifts) & 1)
