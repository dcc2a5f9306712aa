"""Labeled images in parts, wherever they come from."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hashlens.arrays import AnyLabels, Labels, Mask, Rows
from hashlens.datasets.source_findings import SourceFindings
from hashlens.images import read_image_file


class LabeledImages(ABC):
    """A sequence of encoded images (the bytes of image files) with one label each, or several.

    Attributes
    ----------
    labels : int64 array of shape (n,), or bool array of shape (n, classes)
    """

    labels: AnyLabels

    @abstractmethod
    def read(self, index: int) -> bytes:
        """Return the bytes of one image file.

        Raises
        ------
        ImageError
            If it can't be read.
        """

    @abstractmethod
    def name(self, index: int) -> str:
        """Return the image's name in messages."""

    def content_key(self, index: int) -> bytes:
        """Return the SHA-256 of the image file's bytes.

        Raises
        ------
        ImageError
            If it can't be read.
        """
        return hashlib.sha256(self.read(index)).digest()

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Labeled images in a training and a test part, and optionally a validation part.

    Attributes
    ----------
    classes : tuple of str
        ``classes[label]`` is the name of a label.
    train, test : LabeledImages
    source : str
        Where it was read from, for people.
    published : bool
        Whether others publish figures on it too, so that it is used unchanged.
    validation : LabeledImages, optional
        What a training chooses by, such as its best epoch; neither trained on nor measured.
    findings : SourceFindings
        What lies in its folders but is not part of it.
    """

    classes: tuple[str, ...]
    train: LabeledImages
    test: LabeledImages
    source: str
    published: bool = False
    validation: LabeledImages | None = None
    findings: SourceFindings = field(default_factory=SourceFindings)

    def __repr__(self) -> str:
        return (
            f"Dataset({self.source!r}: {len(self.classes)} classes, {len(self.train)} training "
            f"and {len(self.test)} test images)"
        )

    @property
    def parts(self) -> dict[str, LabeledImages]:
        """The parts by name: "train", "validation" if there is one, "test"."""
        between = {} if self.validation is None else {"validation": self.validation}
        return {"train": self.train, **between, "test": self.test}


class ImageFiles(LabeledImages):
    """Image files on disk."""

    def __init__(self, paths: list[Path], labels: AnyLabels) -> None:
        self.paths = paths
        self.labels = labels

    def read(self, index: int) -> bytes:
        """Return the file's bytes."""
        return read_image_file(str(self.paths[index])).data

    def name(self, index: int) -> str:
        """Return the file's path."""
        return str(self.paths[index])


class ImageSubset(LabeledImages):
    """Some images of a sequence.

    Parameters
    ----------
    images : LabeledImages
    rows : int64 array of shape (n,)
        Their positions in ``images``.
    labels : AnyLabels, optional
        By default those that they have in ``images``.
    """

    def __init__(self, images: LabeledImages, rows: Rows, labels: AnyLabels | None = None) -> None:
        self.images, self.rows = images, rows
        self.labels = images.labels[rows] if labels is None else labels

    def read(self, index: int) -> bytes:
        """Return the bytes of one image file."""
        return self.images.read(int(self.rows[index]))

    def name(self, index: int) -> str:
        """Return the image's name in messages."""
        return self.images.name(int(self.rows[index]))


class JoinedImages(LabeledImages):
    """The images of several sequences, one after another.

    Parameters
    ----------
    parts : sequence of LabeledImages
        With labels of one form.
    """

    def __init__(self, parts: Sequence[LabeledImages]) -> None:
        self.labels = np.concatenate([part.labels for part in parts])
        self._of = [(part, index) for part in parts for index in range(len(part))]

    def read(self, index: int) -> bytes:
        """Return the bytes of one image file."""
        part, inner = self._of[index]
        return part.read(inner)

    def name(self, index: int) -> str:
        """Return the image's name in messages."""
        part, inner = self._of[index]
        return part.name(inner)

    def content_key(self, index: int) -> bytes:
        """Return the SHA-256 of the image file's bytes."""
        part, inner = self._of[index]
        return part.content_key(inner)


def stratified_split(labels: Labels, share: float, seed: int) -> Mask:
    """Return a mask, bool (n,), of ``share`` of every class; at least one of each is left."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        chosen[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return chosen
