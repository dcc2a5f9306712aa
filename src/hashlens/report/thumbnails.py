"""Small pictures of the images that a report shows."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

from hashlens.datasets.dataset import Dataset
from hashlens.errors import HashlensError, ImageError
from hashlens.images import Fit, decode_image, map_ordered

_FIT = Fit(112, "crop")
_QUALITY = 80

Place = tuple[str, int]
"""Part of the data set, "train" or "test", and index of an image in it."""


def thumbnails(
    examples: dict[str, list[dict[str, Any]]], dataset: Dataset | None
) -> dict[Place, str]:
    """Return the images of examples as data URIs of JPEG files.

    Parameters
    ----------
    examples : dict
        As `example_figures` returns it.
    dataset : Dataset or None
        None gives no pictures. Images that can't be read are left out.
    """
    if dataset is None:
        return {}
    parts = {"train": dataset.train, "test": dataset.test}

    def picture(place: Place) -> str:
        part, index = place
        try:
            data = parts[part].read(index)
        except (HashlensError, OSError) as error:
            raise ImageError(f"can't be read now: {error}") from error
        buffer = io.BytesIO()
        Image.fromarray(decode_image(data, _FIT)).save(buffer, "JPEG", quality=_QUALITY)
        return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"

    shown = {
        (image["part"], image["index"])
        for rows in examples.values()
        for row in rows
        for image in (row["query"], *row["answers"])
    }
    found = map_ordered(picture, sorted(shown))
    return {place: uri for place, uri in found if isinstance(uri, str)}
