"""The descriptors of a labeled data set: each computed once, then read from the cache."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from hashlens.arrays import AnyLabels, Rows, Vectors
from hashlens.datasets.cached_images import fill_cache
from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.descriptor_cache import DescriptorCache
from hashlens.datasets.findings import DataCheck
from hashlens.descriptors.base import Descriptor
from hashlens.files.cache_folder import cache_folder
from hashlens.progress import OnMessage, OnProgress, no_message

_NAMED = 20
"""Images that can't be decoded and are named one by one; the others are counted."""


@dataclass(frozen=True)
class DescribedImages:
    """Descriptors and labels of the images that could be read.

    Attributes
    ----------
    vectors : float32 array of shape (n, D)
    labels : int64 array of shape (n,), or bool array of shape (n, classes)
    failed : list of (name, reason)
        The images that were left out.
    digest : str
        SHA-256 over contents and labels, independent of their order.
    indices : int64 array of shape (n,), optional
        Positions of the images in the data set; None if the vectors came without images.
    """

    vectors: Vectors
    labels: AnyLabels
    failed: list[tuple[str, str]]
    digest: str
    indices: Rows | None = None


def describe_images(
    images: LabeledImages,
    descriptor: Descriptor,
    cache: DescriptorCache,
    on_progress: OnProgress | None = None,
    step: str = "describe",
    on_message: OnMessage = no_message,
) -> DescribedImages:
    """Return the descriptors of images, computing those that the cache lacks.

    Parameters
    ----------
    images : LabeledImages
    descriptor : Descriptor
    cache : DescriptorCache
        Cache of this descriptor. Interrupted work is continued by the next call.
    on_progress : callable, optional
    step : str
        The step that ``on_progress`` is told.
    on_message : callable, optional
        Told if another process fills the cache and is waited for.

    Raises
    ------
    DataError
        If no image can be read, or the cache can't be written.
    """
    held = fill_cache(images, descriptor, cache, on_progress, step, on_message)
    return DescribedImages(
        cache.vectors(held.keys),
        images.labels[held.indices],
        held.failed,
        held.digest,
        held.indices,
    )


@dataclass(frozen=True)
class DescribedDataset:
    """The descriptors of a data set.

    Attributes
    ----------
    train, test : DescribedImages
    classes : tuple of str
    source : str
    descriptor : Descriptor
    dataset : Dataset, optional
        The images themselves, where they are available.
    check : DataCheck, optional
        What the check of the images found.
    validation : DescribedImages, optional
        What a training chooses by; see `Dataset`.
    """

    train: DescribedImages
    test: DescribedImages
    classes: tuple[str, ...]
    source: str
    descriptor: Descriptor
    dataset: Dataset | None = None
    check: DataCheck | None = None
    validation: DescribedImages | None = None

    def __repr__(self) -> str:
        return (
            f"DescribedDataset({self.source!r}: {len(self.classes)} classes, "
            f"{len(self.train.labels)} training and {len(self.test.labels)} test images, described "
            f"by {self.descriptor.spec.name!r})"
        )


AnyData: TypeAlias = str | os.PathLike[str] | Dataset | DescribedDataset
"""A labeled data set: its place, as `load_dataset` takes it; opened; or opened and described."""


def describe_dataset(
    dataset: Dataset,
    descriptor: Descriptor,
    cache: Path,
    on_progress: OnProgress | None = None,
    on_message: OnMessage = no_message,
) -> DescribedDataset:
    """Return the descriptors of all parts of a data set, computing those that the cache lacks.

    Parameters
    ----------
    dataset : Dataset
    descriptor : Descriptor
    cache : Path
        Folder of descriptor caches.
    on_progress : callable, optional
        Called with "train", "validation" or "test", and the images of this part that are described.
    on_message : callable, optional
        Told if another process fills the cache and is waited for.
    """
    kept = DescriptorCache(cache, descriptor.spec)
    parts = {
        name: describe_images(images, descriptor, kept, on_progress, name, on_message)
        for name, images in dataset.parts.items()
    }
    return DescribedDataset(
        parts["train"],
        parts["test"],
        dataset.classes,
        dataset.source,
        descriptor,
        dataset,
        validation=parts.get("validation"),
    )


def describe_checked(
    dataset: Dataset,
    check: DataCheck,
    descriptor: Descriptor,
    *,
    cache: str | os.PathLike[str] | None = None,
    max_unusable: float | None = None,
    strict: bool = False,
    on_progress: OnProgress | None = None,
    on_message: OnMessage = no_message,
) -> DescribedDataset:
    """Describe a data set that was checked, and name the images that can't be decoded.

    Parameters
    ----------
    dataset, check
        As `hashlens.datasets.check_dataset` returns them.
    descriptor : Descriptor
    cache : Path, optional
        Folder of descriptor caches; by default `hashlens.files.cache_folder.cache_folder`.
    max_unusable : float, optional
        Share of unusable images, in [0, 1], above which the data is refused; by default no limit.
    strict : bool
        Whether to refuse data of which anything is left out, see `DataCheck.check_complete`.
    on_progress : callable, optional
        As for `describe_dataset`.
    on_message : callable, optional
        Called with a line for each of the first images that can't be decoded.

    Raises
    ------
    DataError
        If too many images are unusable, or the cache can't be written.
    """
    data = describe_dataset(dataset, descriptor, cache_folder(cache), on_progress, on_message)
    parts = (data.train, data.validation, data.test)
    failed = [failure for part in parts if part is not None for failure in part.failed]
    for name, reason in failed[:_NAMED]:
        on_message(f"skipped {name}: {reason}")
    if len(failed) > _NAMED:
        on_message(
            f"skipped {len(failed) - _NAMED:,} more; "
            "`hashlens train DATA --check --json` lists them all"
        )
    check = check.with_unreadable(failed)
    if max_unusable is not None:
        check.check_limit(max_unusable)
    if strict:
        check.check_complete()
    return replace(data, check=check)
