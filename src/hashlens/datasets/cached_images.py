"""Fill a cache of rows with the images of a data set: decode, compute, keep, in that order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Pixels, Rows, Vectors
from hashlens.datasets.dataset import LabeledImages
from hashlens.datasets.descriptor_cache import RowCache
from hashlens.descriptors.base import Descriptor
from hashlens.errors import DataError, ImageError
from hashlens.images import decode_batches, decode_image, map_ordered
from hashlens.labels import label_set
from hashlens.progress import OnMessage, OnProgress, no_message, no_progress

_BATCH = 64
_COMMIT = 512
_COMMIT_BYTES = 2**27
"""Images, or bytes, after which rows are made durable: a few seconds of work."""


@dataclass(frozen=True)
class CachedImages:
    """Which images of a data set a cache holds.

    Attributes
    ----------
    indices : int64 array of shape (n,)
        Positions of the images that could be read.
    keys : list of bytes
        Their keys in the cache.
    failed : list of (name, reason)
    digest : str
        As for `hashlens.datasets.DescribedImages`.
    """

    indices: Rows
    keys: list[bytes]
    failed: list[tuple[str, str]]
    digest: str


def fill_cache(
    images: LabeledImages,
    descriptor: Descriptor,
    cache: RowCache,
    on_progress: OnProgress | None = None,
    step: str = "describe",
    on_message: OnMessage = no_message,
) -> CachedImages:
    """Compute the rows of images that a cache lacks.

    Interrupted work is continued by the next call. If another process fills the cache, its rows
    are picked up, and waited for before rows of our own are written.

    Parameters
    ----------
    images : LabeledImages
    descriptor : Descriptor
        What computes the rows.
    cache : RowCache
        Cache of this descriptor.
    on_progress : callable, optional
    step : str
        The step that ``on_progress`` is told.
    on_message : callable, optional

    Raises
    ------
    DataError
        If no image can be read, or the cache can't be written.
    """
    failed: dict[int, str] = {}
    keys = _content_keys(images, failed)
    first_of = {key: index for index, key in reversed(keys.items()) if key not in cache}
    missing = sorted(first_of.values())
    cache.check_room(len(missing))
    report = on_progress or no_progress
    done = len(keys) - len(missing)
    report(step, done, len(keys))
    with cache.writer(list(first_of), on_message) as writer:
        # Images are drawn as they are needed: rows that another process adds are not computed.
        lacking = (index for index in missing if keys[index] not in cache)
        for indices, vectors in _describe(images, lacking, descriptor, failed):
            writer.append([keys[index] for index in indices], vectors)
            done += len(indices)
            report(step, done, len(keys))
    report(step, len(keys), len(keys))
    for index, key in keys.items():
        if key not in cache and index not in failed:
            failed[index] = failed[first_of[key]]  # a copy of an image that can't be read
    return _held(images, keys, cache, failed)


def _held(
    images: LabeledImages, keys: dict[int, bytes], cache: RowCache, failed: dict[int, str]
) -> CachedImages:
    kept = [index for index, key in keys.items() if key in cache]
    if not kept:
        first = next(iter(failed.values()), "there are none.")
        raise DataError(f"None of the {len(images)} images can be read. The first: {first}")
    return CachedImages(
        np.array(kept, dtype=np.int64),
        [keys[index] for index in kept],
        [(images.name(index), reason) for index, reason in sorted(failed.items())],
        digest_of((keys[index], label_set(images.labels, index)) for index in kept),
    )


def digest_of(entries: Iterable[tuple[bytes, tuple[int, ...]]]) -> str:
    """Return the SHA-256 over contents, by their keys, and labels, whatever their order."""
    digest = hashlib.sha256()
    for key, labels in sorted(entries):
        digest.update(key + b"".join(label.to_bytes(8, "little") for label in labels))
    return digest.hexdigest()


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
