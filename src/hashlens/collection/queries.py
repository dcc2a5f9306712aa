"""Query images → codes and descriptors, and which of the queries can't be read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hashlens.arrays import Codes, Vectors
from hashlens.errors import ImageError
from hashlens.images import ImageSource, name_of
from hashlens.model.encoding import OnError, check_on_error, pixel_batches
from hashlens.model.model import Model

_BATCH = 32


class EncodedQueries(NamedTuple):
    """The queries that can be read.

    Attributes
    ----------
    places : list of int
        Index of each in the sequence of all queries.
    codes : uint8 array of shape (n, bits / 8)
    vectors : float32 array of shape (n, descriptor_dim)
        Their descriptors.
    """

    places: list[int]
    codes: Codes
    vectors: Vectors


def encode_queries(
    model: Model, queries: Sequence[ImageSource], on_error: OnError = "raise"
) -> EncodedQueries:
    """Encode query images; see `Collection.search_many` for ``on_error``.

    Raises
    ------
    ImageError
        If a query can't be read and ``on_error`` is "raise"; names it.
    ParameterError
        If ``on_error`` is out of range.
    """
    check_on_error(on_error)
    failed: dict[int, ImageError] = {}

    def refuse(place: int, error: ImageError) -> None:
        reason = f"Can't use {name_of(queries[place])} as a query: {error.__cause__}"
        failed[place] = ImageError(reason)
        if on_error == "raise":
            raise failed[place] from error
        if callable(on_error):
            on_error(place, failed[place])

    batches = pixel_batches(queries, model.fit, refuse, _BATCH, None, "search")
    encoded = [model.encode_pixels(pixels) for pixels in batches]
    if failed and on_error == "skip":
        warnings.warn(
            f"{len(failed):,} of {len(queries):,} queries can't be read and have no hits, the "
            f"first: {next(iter(failed.values()))}",
            stacklevel=3,
        )
    places = [place for place in range(len(queries)) if place not in failed]
    codes = [codes for codes, _ in encoded] or [np.empty((0, model.bits // 8), np.uint8)]
    vectors = [vectors for _, vectors in encoded] or [
        np.empty((0, model.descriptor_dim), np.float32)
    ]
    return EncodedQueries(places, np.concatenate(codes), np.concatenate(vectors))
