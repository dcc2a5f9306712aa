"""Images as a caller has them → batches of decoded pixels, ready for the network."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Literal, TypeAlias

import numpy as np
from PIL import Image

from hashlens.arrays import Pixels
from hashlens.errors import DataError, ImageError, ParameterError
from hashlens.images import Fit, map_ordered
from hashlens.images.sources import ImageSource, name_of, pixels_of
from hashlens.progress import OnProgress, no_progress

OnError: TypeAlias = Literal["raise", "skip"] | Callable[[int, ImageError], Any]
"""What to do with an image that can't be read: raise, skip it with a warning, or call a function
with its index and the error."""


def pixel_batches(
    images: Iterable[ImageSource],
    fit: Fit,
    on_error: OnError,
    batch_size: int,
    on_progress: OnProgress | None,
    step: str,
) -> Iterator[Pixels]:
    """Yield decoded images, uint8 (n, size, size, 3), decoding ahead in threads.

    Raises
    ------
    ParameterError
        If ``on_error`` or ``batch_size`` is out of range.
    DataError
        If ``images`` is a single image.
    ImageError
        If an image can't be read and ``on_error`` is "raise".
    """
    check_on_error(on_error)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise ParameterError(
            f"The 'batch_size' parameter must be an int of at least 1. Got {batch_size!r} instead."
        )
    check_several(images)
    return _batches(images, fit, on_error, batch_size, on_progress or no_progress, step)


def check_several(images: Iterable[ImageSource]) -> None:
    """Raise `DataError` if ``images`` is a single image."""
    is_pixels = isinstance(images, np.ndarray) and images.ndim <= 3
    if is_pixels or isinstance(images, (str, bytes, os.PathLike, Image.Image)):
        raise DataError("Expected several images, got a single one: put it into a list, [image].")


def check_on_error(on_error: object) -> None:
    """Refuse what is not an `OnError`.

    Raises
    ------
    ParameterError
    """
    if on_error not in ("raise", "skip") and not callable(on_error):
        raise ParameterError(
            f"The 'on_error' parameter must be 'raise', 'skip' or a callable. Got {on_error!r} "
            "instead."
        )


def _batches(
    images: Iterable[ImageSource],
    fit: Fit,
    on_error: OnError,
    batch_size: int,
    on_progress: OnProgress,
    step: str,
) -> Iterator[Pixels]:
    total = len(images) if isinstance(images, Sized) else None
    batch: list[Pixels] = []
    skipped: list[str] = []
    done = 0

    def load(image: ImageSource) -> Pixels:
        try:
            return pixels_of(image, fit)
        except ImageError as error:
            raise ImageError(f"{name_of(image)}: {error}") from error

    for done, (_, found) in enumerate(map_ordered(load, images), 1):
        if not isinstance(found, ImageError):
            batch.append(found)
        elif on_error == "raise":
            raise found
        elif on_error == "skip":
            skipped.append(str(found))
        else:
            on_error(done - 1, found)
        if len(batch) == batch_size:
            yield np.stack(batch)
            batch = []
            on_progress(step, done, done if total is None else total)
    if batch:
        yield np.stack(batch)
    if done:
        on_progress(step, done, done if total is None else total)
    if skipped:
        warnings.warn(
            f"{len(skipped):,} of {done:,} images can't be read and were left out, the first: "
            f"{skipped[0]}",
            stacklevel=4,
        )
