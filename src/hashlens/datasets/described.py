"""The descriptors of a labeled data set: each computed once, then read from the cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Pixels, Vectors
from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.descriptor_cache import DescriptorCache, RowCache
from hashlens.datasets.findings import DataCheck
from hashlens.descriptors.base import Descriptor
from hashlens.errors import DataError, ImageError
from hashlens.files.cache_folder import cache_folder
from hashlens.images import decode_batches, decode_image, map_ordered
from hashlens.labels import label_set
from hashlens.progress import OnMessage, OnProgress, no_message, no_progress

_BATCH = 64
_COMMIT = 512
_COMMIT_BYTES = 2**27
"""Images, or bytes, after which descriptors are made durable: a few seconds of work."""
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
        SHA-256 over contents and labels, whatever their order: the same for the same data.
    indices : int64 array of shape (n,), optional
        Which images of the data set the rows are; None where the vectors came without images.
    """

    vectors: Vectors
    labels: AnyLabels
    failed: list[tuple[str, str]]
    digest: str
    indices: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class CachedImages:
    """Which images of a data set a cache holds.

    Attributes
    ----------
    indices : int64 array of shape (n,)
        Of the images that could be read.
    keys : list of bytes
        Their keys in the cache.
    failed : list of (name, reason)
    digest : str
        As of `DescribedImages`.
    """

    indices: npt.NDArray[np.int64]
    keys: list[bytes]
    failed: list[tuple[str, str]]
    digest: str


def describe_images(
    images: LabeledImages,
    descriptor: Descriptor,
    cache: DescriptorCache,
    on_progress: OnProgress | None = None,
    step: str = "describe",
) -> DescribedImages:
    """Return the descriptors of images, computing those that the cache lacks.

    Parameters
    ----------
    images : LabeledImages
    descriptor : Descriptor
    cache : DescriptorCache
        Of this descriptor, entered. Interrupted work is continued by the next call.
    on_progress : callable, optional
    step : str
        What ``on_progress`` is told is being done.

    Raises
    ------
    DataError
        If no image can be read, or the cache can't be written.
    """
    held = fill_cache(images, descriptor, cache, on_progress, step)
    return DescribedImages(
        cache.vectors(held.keys),
        images.labels[held.indices],
        held.failed,
        held.digest,
        held.indices,
    )


def fill_cache(
    images: LabeledImages,
    descriptor: Descriptor,
    cache: RowCache,
    on_progress: OnProgress | None = None,
    step: str = "describe",
) -> CachedImages:
    """Compute what a cache lacks of some images; the parameters are those of `describe_images`."""
    failed: dict[int, str] = {}
    keys = _content_keys(images, failed)
    first_of = {key: index for index, key in reversed(keys.items()) if key not in cache}
    missing = sorted(first_of.values())
    cache.check_room(len(missing))
    done = len(keys) - len(missing)
    report = on_progress or no_progress
    report(step, done, len(keys))
    for indices, vectors in _describe(images, missing, descriptor, failed):
        cache.append([keys[index] for index in indices], vectors)
        done += len(indices)
        report(step, done, len(keys))
    kept = [index for index, key in keys.items() if key in cache]
    if not kept:
        raise DataError(
            f"None of the {len(images)} images can be read. The first: {_first(failed)}"
        )
    for index, key in keys.items():
        if key not in cache and index not in failed:
            failed[index] = failed[first_of[key]]  # a copy of an image that can't be read
    digest = hashlib.sha256()
    for key, labels in sorted((keys[index], label_set(images.labels, index)) for index in kept):
        digest.update(key + b"".join(label.to_bytes(8, "little") for label in labels))
    return CachedImages(
        np.array(kept, dtype=np.int64),
        [keys[index] for index in kept],
        [(images.name(index), reason) for index, reason in sorted(failed.items())],
        digest.hexdigest(),
    )


def _content_keys(images: LabeledImages, failed: dict[int, str]) -> dict[int, bytes]:
    """Return index → SHA-256 of the image's bytes, in order, for those that can be read."""
    keys: dict[int, bytes] = {}
    for index, key in map_ordered(images.content_key, range(len(images))):
        if isinstance(key, ImageError):
            failed[index] = str(key)
        else:
            keys[index] = key
    return keys


def _describe(
    images: LabeledImages, indices: Iterable[int], descriptor: Descriptor, failed: dict[int, str]
) -> Iterator[tuple[list[int], Vectors]]:
    """Yield some hundred indices with their vectors at a time."""
    fit = descriptor.spec.image_fit

    def load(index: int) -> Pixels:
        return decode_image(images.read(index), fit)

    done: list[int] = []
    vectors: list[Vectors] = []
    for batch in decode_batches(load, indices, batch_size=_BATCH):
        failed.update(batch.failed)
        if batch.items:
            done += batch.items
            vectors.append(descriptor.describe(batch.pixels))
        if len(done) >= _COMMIT or sum(some.nbytes for some in vectors) >= _COMMIT_BYTES:
            yield done, np.concatenate(vectors)
            done, vectors = [], []
    if done:
        yield done, np.concatenate(vectors)


def _first(failed: dict[int, str]) -> str:
    return next(iter(failed.values()), "there are none.")


@dataclass(frozen=True)
class DescribedDataset:
    """A data set's descriptors.

    Attributes
    ----------
    train, test : DescribedImages
    classes : tuple of str
    source : str
    descriptor : Descriptor
    dataset : Dataset, optional
        The images themselves, where they are at hand.
    check : DataCheck, optional
        What was found when they were looked at.
    """

    train: DescribedImages
    test: DescribedImages
    classes: tuple[str, ...]
    source: str
    descriptor: Descriptor
    dataset: Dataset | None = None
    check: DataCheck | None = None


def describe_dataset(
    dataset: Dataset, descriptor: Descriptor, cache: Path, on_progress: OnProgress | None = None
) -> DescribedDataset:
    """Return the descriptors of both parts of a data set, from the cache where they are there.

    Parameters
    ----------
    dataset : Dataset
    descriptor : Descriptor
    cache : Path
        Folder of descriptor caches.
    on_progress : callable, optional
        Called with "train" or "test", and the images of this part that are described.
    """
    with DescriptorCache(cache, descriptor.spec) as kept:
        train, test = (
            describe_images(images, descriptor, kept, on_progress, part)
            for part, images in (("train", dataset.train), ("test", dataset.test))
        )
    return DescribedDataset(train, test, dataset.classes, dataset.source, descriptor, dataset)


def describe_checked(
    dataset: Dataset,
    check: DataCheck,
    descriptor: Descriptor,
    *,
    cache: str | os.PathLike[str] | None = None,
    max_unusable: float | None = None,
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
    on_progress : callable, optional
        As for `describe_dataset`.
    on_message : callable, optional
        Called with a line for each of the first images that can't be decoded.

    Raises
    ------
    DataError
        If too many images are unusable, or the cache can't be written.
    """
    data = describe_dataset(dataset, descriptor, cache_folder(cache), on_progress)
    failed = [*data.train.failed, *data.test.failed]
    for name, reason in failed[:_NAMED]:
        on_message(f"skipped {name}: {reason}")
    if len(failed) > _NAMED:
        on_message(
            f"skipped {len(failed) - _NAMED:,} more; `hashlens train DATA --check --json` names all"
        )
    check = check.with_unreadable(failed)
    if max_unusable is not None:
        check.check_limit(max_unusable)
    return replace(data, check=check)
