"""The contract of every hasher: float vectors in, packed binary codes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Codes, Floats, Labels
from hashlens.codes import bytes_per_code, check_bits, pack
from hashlens.errors import DataError, FormatError, NotFittedError, ParameterError
from hashlens.hashers.estimator import Estimator
from hashlens.hashers.inputs import check_labels, check_targets, check_vectors, feature_names
from hashlens.hashers.state import check_arrays


class Hasher(Estimator, ABC):
    """Maps vectors of shape (n, D) to codes of ``bits`` bits.

    A hasher is a scikit-learn transformer: ``__init__`` only stores its keyword arguments; ``fit``
    validates them, forgets earlier fits, and returns ``self``; learned attributes end in an
    underscore. A subclass lists in ``learned`` the arrays that are its whole state, so that a
    hasher is saved as parameters (JSON) and arrays (npz), never as a pickle.
    """

    name: ClassVar[str]
    """The method's name on the command line and in tables."""
    supervised: ClassVar[bool] = False
    """Whether ``fit`` always needs labels."""
    several_labels: ClassVar[bool] = False
    """Whether ``fit`` also takes a table (n, C) of 0 and 1, so that a vector may have several."""
    learned: ClassVar[tuple[str, ...]]
    """Names of the learned arrays; ``project`` needs nothing else."""
    axes: ClassVar[Mapping[str, str]] = {}
    """Learned array → a letter for each of its axes: equal letters have equal lengths, K is
    ``bits``, and D the length of a vector. ``from_state`` refuses other shapes."""
    stored_names: ClassVar[Mapping[str, str]] = {}
    """Learned array → its name in ``state()``, where a renamed array keeps its former name."""
    former_parameters: ClassVar[Mapping[str, str]] = {}
    """Former name → name, of parameters and of fields in them, which ``from_state`` accepts."""

    bits: int
    n_features_in_: int
    feature_names_in_: npt.NDArray[np.object_]

    @abstractmethod
    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Self:
        """Learn from vectors ``X`` of shape (n, D) and, if supervised, labels ``y`` (n,)."""

    @abstractmethod
    def project(self, X: npt.ArrayLike) -> Floats:
        """Return the real values whose signs are the bits: float32 of shape (n, bits)."""

    def transform(self, X: npt.ArrayLike) -> Codes:
        """Return packed codes of shape (n, bits / 8), dtype uint8: bit = [project(X) > 0]."""
        return pack(self.project(X) > 0)

    def fit_transform(self, X: npt.ArrayLike, y: npt.ArrayLike | None = None) -> Codes:
        """Fit, then return the codes of ``X``."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(
        self, input_features: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.object_]:
        """Return a name for each byte of a code, such as "itq0"; ``input_features`` is ignored."""
        self._check_fitted()
        prefix = type(self).__name__.lower()
        return np.array([f"{prefix}{byte}" for byte in range(bytes_per_code(self.bits))], object)

    @property
    def learns_from_labels(self) -> bool:
        """Whether ``fit`` uses ``y`` with these parameters."""
        return self.supervised

    def configuration(self) -> dict[str, Any]:
        """Return everything that decides what ``fit`` learns: parameters, with presets resolved."""
        return self.get_params()

    # State

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the learned arrays by stored name: with the parameters, the whole hasher."""
        self._check_fitted()
        return {
            self.stored_names.get(name, name): np.asarray(getattr(self, name))
            for name in self.learned
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, npt.NDArray[Any]], params: Mapping[str, Any] | None = None
    ) -> Self:
        """Return a fitted hasher from the ``state()`` and ``get_params()`` of another.

        Raises
        ------
        FormatError
            If an array is missing, is not finite numbers or does not have the shape that ``axes``
            states; if a parameter is unknown, or ``bits`` is not a code length.
        """
        current = cls._renamed(params or {})
        known = cls._parameter_names()
        if unknown := sorted(set(current) - set(known)):
            raise FormatError(
                f"{cls.__name__} has no parameter {unknown[0]!r}. It has: {', '.join(known)}."
            )
        hasher = cls(**current)
        try:
            check_bits(hasher.bits, cls.__name__)
        except ParameterError as error:
            raise FormatError(str(error)) from error
        arrays = {name: np.asarray(array) for name, array in state.items()}
        check_arrays(arrays, cls._stored_axes(arrays), hasher.bits, cls.__name__)
        for name in cls.learned:
            setattr(hasher, name, arrays[cls.stored_names.get(name, name)])
        hasher.n_features_in_ = hasher._input_width()
        hasher._check_state()
        return hasher

    @classmethod
    def _stored_axes(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, str | None]:
        """Return the axes of each array by stored name, for a state of these arrays."""
        return {cls.stored_names.get(name, name): cls.axes.get(name) for name in cls.learned}

    def _check_state(self) -> None:
        """Raise `FormatError` for what ``axes`` can't say of the learned arrays."""

    @classmethod
    def _renamed(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        return {
            cls.former_parameters.get(name, name): (
                cls._renamed(value) if isinstance(value, Mapping) else value
            )
            for name, value in params.items()
        }

    def _input_width(self) -> int:
        """Return D from the learned arrays; by default the length of ``mean_``."""
        return int(np.asarray(getattr(self, "mean_")).shape[0])  # noqa: B009

    # Checks

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"This {type(self).__name__} is not fitted yet. Call fit(X) before using it."
            )

    def _check_input(self, X: npt.ArrayLike) -> Floats:
        """Return vectors to be hashed as float32 (n, D).

        Raises
        ------
        NotFittedError
            If ``fit`` was not called.
        DataError
            If they are not finite vectors of as many dimensions as in training, or columns of a
            data frame in another order.
        """
        self._check_fitted()
        caller = type(self).__name__
        vectors = check_vectors(X, caller)
        if vectors.shape[1] != self.n_features_in_:
            raise DataError(
                f"X has {vectors.shape[1]} features, but {caller} is expecting "
                f"{self.n_features_in_} features as input."
            )
        names, fitted = feature_names(X), getattr(self, "feature_names_in_", None)
        if names is not None and fitted is not None and not np.array_equal(names, fitted):
            raise DataError(
                "The feature names should match those that were passed during fit: "
                f"{', '.join(fitted)}. Got {', '.join(names)} instead."
            )
        return vectors

    def _check_training(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None
    ) -> tuple[Floats, Labels | None]:
        """Return vectors and, if the method learns from labels, labels numbered from 0.

        Sets ``n_features_in_`` and, for a data frame, ``feature_names_in_``.

        Raises
        ------
        ParameterError, DataError
            If ``bits`` is not a code length; if ``X`` is not at least two finite vectors; if labels
            are missing, of another length, of one class only, or a table.
        """
        vectors = self._check_rows(X)
        if not self.learns_from_labels:
            return vectors, None
        labels = check_labels(self._given(y, len(vectors)), len(vectors), type(self).__name__)
        self._check_classes(int(labels.max()) + 1)
        return vectors, labels

    def _check_targets(
        self, X: npt.ArrayLike, y: npt.ArrayLike | None
    ) -> tuple[Floats, AnyLabels, int]:
        """Validate like `_check_training`, but also accept a table of labels.

        Returns
        -------
        vectors : float32 array of shape (n, D)
        targets : int64 array of shape (n,), or bool array of shape (n, classes)
            Classes are numbered from 0 without gaps.
        classes : int
        """
        vectors = self._check_rows(X)
        given = self._given(y, len(vectors))
        targets, classes = check_targets(given, len(vectors), type(self).__name__)
        self._check_classes(classes)
        return vectors, targets, classes

    def _check_rows(self, X: npt.ArrayLike) -> Floats:
        caller = type(self).__name__
        check_bits(self.bits, caller)
        vectors = check_vectors(X, caller)
        if len(vectors) < 2:
            found = "1 sample" if len(vectors) else "0 samples"
            raise DataError(f"{caller} needs at least 2 training vectors. Got {found}.")
        self.n_features_in_ = vectors.shape[1]
        vars(self).pop("feature_names_in_", None)
        if (names := feature_names(X)) is not None:
            self.feature_names_in_ = names
        return vectors

    def _given(self, y: npt.ArrayLike | None, count: int) -> npt.ArrayLike:
        if y is None:
            raise DataError(
                f"{type(self).__name__} learns from labels: fit(X, y) needs a label for each of "
                f"the {count} vectors. It requires y to be passed, but the target y is None."
            )
        return y

    def _check_classes(self, classes: int) -> None:
        if classes < 2:
            raise DataError(f"{type(self).__name__} needs at least 2 classes. Got 1 class.")

    # What scikit-learn asks

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, self.learned[0])

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(
                required=self.learns_from_labels, two_d_labels=self.several_labels
            ),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            non_deterministic=self.get_params().get("random_state", 0) is None,
        )
