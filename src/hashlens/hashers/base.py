"""The contract of every hasher: float vectors in, packed binary codes out."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Codes, Floats, Labels
from hashlens.codes import check_bits, pack
from hashlens.errors import DataError, FormatError, NotFittedError, ParameterError
from hashlens.labels import check_any_labels, training_targets

TAKE_SEVERAL_LABELS = ("dlbhc", "autoencoder", "codebook")
"""Methods with ``several_labels``, for messages: the registry can't be imported from here."""


class Hasher(ABC):
    """Map vectors of shape (n, D) to codes of ``bits`` bits.

    The contract is scikit-learn's: ``__init__`` only stores its keyword arguments; ``fit``
    validates, forgets earlier fits, and returns ``self``; what was learned ends in an underscore.
    A subclass names its learned arrays in ``learned``; they are its whole state, so that a hasher
    is saved as its parameters (JSON) and its arrays (npz), never as a pickle.
    """

    name: ClassVar[str]
    """The method's name on the command line and in tables."""
    supervised: ClassVar[bool] = False
    """Whether ``fit`` needs labels."""
    several_labels: ClassVar[bool] = False
    """Whether ``fit`` also takes a table of labels, (n, C), of which a vector may have several."""
    learned: ClassVar[tuple[str, ...]]
    """Names of the arrays that ``fit`` learns; ``project`` needs nothing else."""

    bits: int
    n_features_in_: int

    @abstractmethod
    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Learn from vectors ``X`` of shape (n, D) and, where supervised, labels ``y`` (n,)."""

    @abstractmethod
    def project(self, X: npt.ArrayLike) -> Floats:
        """Return what is thresholded at zero to give the bits: float32 of shape (n, bits)."""

    def transform(self, X: npt.ArrayLike) -> Codes:
        """Return packed codes of shape (n, bits / 8), dtype uint8: bit = [project(X) > 0]."""
        return pack(self.project(X) > 0)

    def fit_transform(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Codes:
        """Fit, then return the codes of ``X``."""
        return self.fit(X, y).transform(X)

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [p for p in inspect.signature(cls.__init__).parameters if p != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters by name (scikit-learn's contract)."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor parameters by name (scikit-learn's contract)."""
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                raise ParameterError(
                    f"{type(self).__name__} has no parameter {name!r}. It has: {', '.join(known)}."
                )
            setattr(self, name, value)
        return self

    @property
    def learns_from_labels(self) -> bool:
        """Whether ``fit`` uses ``y`` with these parameters."""
        return self.supervised

    def configuration(self) -> dict[str, Any]:
        """Return all that decides what ``fit`` learns: parameters, with presets spelled out."""
        return self.get_params()

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the learned arrays by name: all that ``from_state`` needs beside parameters."""
        self._check_fitted()
        return {name: np.asarray(getattr(self, name)) for name in self.learned}

    @classmethod
    def from_state(
        cls, state: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a fitted hasher from ``state()`` and ``get_params()`` of another.

        Raises
        ------
        FormatError
            If an array is missing or has a dtype that no hasher learns.
        """
        hasher = cls(**(params or {}))
        for name in cls.learned:
            if name not in state:
                raise FormatError(
                    f"The state of a {cls.__name__} holds no array {name!r}; it holds: "
                    f"{', '.join(sorted(state)) or 'nothing'}."
                )
            array = np.asarray(state[name])
            if array.dtype.kind not in "fiub":
                raise FormatError(f"{cls.__name__}.{name} has the dtype {array.dtype}.")
            setattr(hasher, name, array)
        hasher.n_features_in_ = hasher._input_width()
        return hasher

    def _input_width(self) -> int:
        """Return D from the learned arrays; by default the length of ``mean_``."""
        return int(np.asarray(getattr(self, "mean_")).shape[0])  # noqa: B009

    def _check_fitted(self) -> None:
        if not hasattr(self, self.learned[0]):
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit(X) before using it."
            )

    def _check_input(self, X: npt.ArrayLike) -> Floats:
        """Return vectors to be hashed as float32 (n, D), or say what is wrong with them."""
        self._check_fitted()
        vectors = check_vectors(X, type(self).__name__)
        if vectors.shape[1] != self.n_features_in_:
            raise DataError(
                f"{type(self).__name__} was fitted on vectors of {self.n_features_in_} dimensions. "
                f"Got {vectors.shape[1]} instead."
            )
        return vectors

    def _check_training(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None
    ) -> tuple[Floats, Labels | None]:
        """Validate what ``fit`` got; set ``n_features_in_``.

        Raises
        ------
        ParameterError, DataError
            For a wrong ``bits``; an array that is not (n, D), finite, with at least two rows;
            labels that are missing where needed, of another length, or of one class only; a table
            of labels.
        """
        caller = type(self).__name__
        vectors = self._check_rows(X)
        labels = None
        if self.supervised:
            labels = check_labels(self._given(y, len(vectors)), len(vectors), caller)
            self._check_classes(len(np.unique(labels)))
        self.n_features_in_ = vectors.shape[1]
        return vectors, labels

    def _check_targets(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None
    ) -> tuple[Floats, AnyLabels, int]:
        """Validate as `_check_training` does, where a table of labels will do too.

        Returns
        -------
        vectors : float32 array of shape (n, D)
        targets : int64 array of shape (n,), or bool array of shape (n, classes)
            Classes are numbered from 0 without gaps.
        classes : int
        """
        vectors = self._check_rows(X)
        given = self._given(y, len(vectors))
        labels = check_any_labels(given, len(vectors), type(self).__name__)
        targets, classes = training_targets(labels)
        self._check_classes(classes)
        self.n_features_in_ = vectors.shape[1]
        return vectors, targets, classes

    def _check_rows(self, X: npt.ArrayLike) -> Floats:
        caller = type(self).__name__
        check_bits(self.bits, caller)
        vectors = check_vectors(X, caller)
        if len(vectors) < 2:
            raise DataError(f"{caller} needs at least 2 training vectors. Got {len(vectors)}.")
        return vectors

    def _given(self, y: npt.ArrayLike | None, count: int) -> npt.ArrayLike:
        if y is None:
            raise DataError(
                f"{type(self).__name__} is supervised: fit(X, y) needs a label for each of the "
                f"{count} vectors. Got y=None."
            )
        return y

    def _check_classes(self, classes: int) -> None:
        if classes < 2:
            raise DataError(
                f"{type(self).__name__} needs labels of at least 2 classes. Got only one."
            )

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"


def check_vectors(X: npt.ArrayLike, caller: str) -> Floats:
    """Return ``X`` as a C-contiguous float32 array of shape (n, D) with finite values only."""
    array = np.asarray(X)
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"{caller} expects vectors of shape (n, D). Got shape {array.shape}.")
    if array.dtype.kind not in "fiub":
        raise DataError(f"{caller} expects numbers. Got an array of dtype {array.dtype}.")
    vectors = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(vectors).all():
        bad = int((~np.isfinite(vectors).all(axis=1)).sum())
        raise DataError(
            f"{caller} expects finite values. {bad} of {len(vectors)} vectors hold NaN or infinity."
        )
    return vectors


def check_labels(y: npt.ArrayLike, count: int, caller: str) -> Labels:
    """Return ``y`` as int64 labels of shape (count,)."""
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[0] == count and labels.shape[1] > 1:
        raise DataError(
            f"{caller} learns from one label per vector. Got a table of {labels.shape[1]} labels. "
            f"The methods that take several labels are: {', '.join(TAKE_SEVERAL_LABELS)}."
        )
    if labels.shape != (count,):
        raise DataError(f"{caller} expects {count} labels, shape ({count},). Got {labels.shape}.")
    if labels.dtype.kind not in "iub":
        raise DataError(f"{caller} expects integer labels. Got dtype {labels.dtype}.")
    return labels.astype(np.int64)
