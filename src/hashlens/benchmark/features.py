"""The descriptors that a benchmark hashes: one set for every method, so that only codes differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Labels, Vectors
from hashlens.errors import DataError


@dataclass(frozen=True, eq=False)
class Features:
    """Descriptors and labels of a training and a test set.

    Attributes
    ----------
    train_vectors, test_vectors : float32 arrays of shape (n, D)
    train_labels, test_labels : int64 arrays of shape (n,)
    name : str
        The data set, as file names and titles call it. The paper's figures are quoted beside
        those of ``cifar100``.
    descriptor : mapping
        Facts about the descriptor that a table must state: backbone, pretraining, frozen or
        tuned, input size, normalization.

    Raises
    ------
    DataError
        If shapes do not fit each other or a value is not finite.
    """

    train_vectors: Vectors
    train_labels: Labels
    test_vectors: Vectors
    test_labels: Labels
    name: str = "cifar100"
    descriptor: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for side in ("train", "test"):
            vectors = np.ascontiguousarray(getattr(self, f"{side}_vectors"), dtype=np.float32)
            labels = np.asarray(getattr(self, f"{side}_labels"))
            if vectors.ndim != 2 or 0 in vectors.shape or labels.shape != (len(vectors),):
                raise DataError(
                    f"Features expect {side} vectors of shape (n, D) and labels of shape (n,), "
                    f"n > 0. Got {vectors.shape} and {labels.shape} instead."
                )
            if labels.dtype.kind not in "iu":
                raise DataError(
                    f"Features expect integer {side} labels. Got dtype {labels.dtype} instead."
                )
            if not np.isfinite(vectors).all():
                raise DataError(f"The {side} vectors of the features hold NaN or infinity.")
            object.__setattr__(self, f"{side}_vectors", vectors)
            object.__setattr__(self, f"{side}_labels", labels.astype(np.int64))
        if self.train_vectors.shape[1] != self.test_vectors.shape[1]:
            raise DataError(
                f"Train vectors have {self.train_vectors.shape[1]} dimensions, test vectors "
                f"{self.test_vectors.shape[1]}. Expected the same descriptor."
            )

    @classmethod
    def unit_length(
        cls,
        train_vectors: npt.ArrayLike,
        train_labels: npt.ArrayLike,
        test_vectors: npt.ArrayLike,
        test_labels: npt.ArrayLike,
        name: str = "cifar100",
        descriptor: Mapping[str, Any] | None = None,
    ) -> Features:
        """Return features with every vector scaled to unit length; a zero vector stays zero.

        Examples
        --------
        >>> Features.unit_length([[3, 4]], [0], [[0, 2]], [0]).train_vectors
        array([[0.6, 0.8]], dtype=float32)
        """
        facts = {**(descriptor or {}), "normalization": "unit L2 length"}
        return cls(
            _scaled(train_vectors),
            np.asarray(train_labels),
            _scaled(test_vectors),
            np.asarray(test_labels),
            name,
            facts,
        )

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of all arrays, by which results of other descriptors are told."""
        sha = hashlib.sha256()
        for array in (self.train_vectors, self.train_labels, self.test_vectors, self.test_labels):
            sha.update(f"{array.dtype.str}{array.shape}".encode())
            sha.update(array.data)
        return sha.hexdigest()


def _scaled(vectors: npt.ArrayLike) -> Vectors:
    array = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(array, axis=-1, keepdims=True)
    return np.asarray(array / np.where(norms > 0, norms, 1.0), dtype=np.float32)
