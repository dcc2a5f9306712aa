"""The descriptors that a benchmark hashes: the same for every method, so that only codes differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from hashlens.arrays import Labels, Vectors
from hashlens.datasets.described import DescribedDataset
from hashlens.errors import DataError
from hashlens.labels import one_each

NORMALIZATIONS = {
    "none": "none: the network's output as it is",
    "l2": "unit L2 length",
    "sigmoid": "logistic function, so that values are in [0, 1]",
}


@dataclass(frozen=True, eq=False)
class Features:
    """Descriptors and labels of a training and a test set.

    Attributes
    ----------
    train_vectors, test_vectors : float32 arrays of shape (n, D)
    train_labels, test_labels : int64 arrays of shape (n,)
    name : str
        The data set's name in file names and titles. The paper's figures are quoted beside those
        of ``cifar100``.
    descriptor : mapping
        The facts about the descriptor that a table states: backbone, pretraining, frozen or tuned,
        input size, normalization.

    Raises
    ------
    DataError
        If the shapes do not fit each other or a value is not finite.
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
    def from_described(cls, data: DescribedDataset, name: str) -> Self:
        """Return the features of a described data set, with the facts about its descriptor.

        Raises
        ------
        DataError
            If an image has several labels.
        """
        spec = data.descriptor.spec
        return cls(
            data.train.vectors,
            one_each(data.train.labels, "A benchmark"),
            data.test.vectors,
            one_each(data.test.labels, "A benchmark"),
            name,
            {
                "backbone and pretraining": spec.name,
                "weights": f"sha256 {spec.weights_sha256[:16]}, frozen, {spec.source}",
                "input": f"{spec.input_size} px, {spec.fit}, {spec.interpolation}",
                "normalization": NORMALIZATIONS[spec.normalization],
                "spec digest": spec.digest[:16],
                "images left out": len(data.train.failed) + len(data.test.failed),
            },
        )

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all arrays, which tells results of other descriptors apart."""
        sha = hashlib.sha256()
        for array in (self.train_vectors, self.train_labels, self.test_vectors, self.test_labels):
            sha.update(f"{array.dtype.str}{array.shape}".encode())
            sha.update(array.data)
        return sha.hexdigest()
