"""Labeled images in a training and a test part, wherever they come from."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hashlens.arrays import AnyLabels, Labels, Mask, Rows
from hashlens.errors import ImageError
from hashlens.labels import rarest_label

TEST_SHARE = 0.2
"""Share of every class that becomes the test part if a data set has none."""


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
    """Labeled images in a training and a test part.

    Attributes
    ----------
    classes : tuple of str
        ``classes[label]`` is the name of a label.
    train, test : LabeledImages
    source : str
        Where it was read from, for people.
    published : bool
        Whether others publish figures on it too, so that it is used unchanged.
    """

    classes: tuple[str, ...]
    train: LabeledImages
    test: LabeledImages
    source: str
    published: bool = False

    def __repr__(self) -> str:
        return (
            f"Dataset({self.source!r}: {len(self.classes)} classes, {len(self.train)} training "
            f"and {len(self.test)} test images)"
        )


class ImageFiles(LabeledImages):
    """Image files on disk."""

    def __init__(self, paths: list[Path], labels: AnyLabels) -> None:
        self.paths = paths
        self.labels = labels

    def read(self, index: int) -> bytes:
        """Return the file's bytes."""
        try:
            return self.paths[index].read_bytes()
        except OSError as error:
            raise ImageError(f"can't be read: {error.strerror or error}") from error

    def name(self, index: int) -> str:
        """Return the file's path."""
        return str(self.paths[index])

    def part(self, rows: Rows) -> ImageFiles:
        """Return some of the images, by their positions, int64 (n,)."""
        return ImageFiles([self.paths[row] for row in rows], self.labels[rows])


def split_off_test(
    classes: tuple[str, ...], images: ImageFiles, source: Path, seed: int
) -> Dataset:
    """Make a fifth of every class the test part.

    An image of several labels counts as one of its rarest.

    Parameters
    ----------
    classes : tuple of str
    images : ImageFiles
    source : Path
        Where they were read from.
    seed : int
        Seed of the random choice.
    """
    in_test = stratified_split(rarest_label(images.labels), TEST_SHARE, seed)
    return Dataset(
        classes,
        images.part(np.flatnonzero(~in_test)),
        images.part(np.flatnonzero(in_test)),
        f"{source} (a fifth of every class is the test part, seed {seed})",
    )


def stratified_split(labels: Labels, share: float, seed: int) -> Mask:
    """Return a mask, bool (n,), of ``share`` of every class; at least one of each is left."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        chosen[members[: min(round(share * len(members)), len(members) - 1)]] = True
    return chosen
