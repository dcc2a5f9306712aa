"""Views of an image that a network is trained on: the image itself, and random crops."""

from __future__ import annotations

import hashlib
from random import Random

import numpy as np
from PIL import Image

from hashlens.arrays import Pixels

RECIPE = 1
"""To be raised when crops are drawn differently, so that cached ones are not mistaken for them."""

LEAST_AREA = 0.5
WIDEST = 4 / 3
"""Least share of the image's area, and largest aspect ratio, of a crop."""


def view(pixels: Pixels, number: int) -> Pixels:
    """Return a view of an image: number 0 is the image itself, every other one a random crop.

    A crop is resized to the size of the image, and mirrored with probability one half. The random
    numbers are seeded by the image's pixels and the view's number, so a view is always the same.

    Parameters
    ----------
    pixels : uint8 array of shape (size, size, 3)
    number : int

    Returns
    -------
    uint8 array of shape (size, size, 3)

    References
    ----------
    C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, section 6. There, crops are
    taken from the original image and cover at least 8 % of it. Here, they are taken from the square
    that the descriptor is given, and cover at least half of it.
    """
    if number == 0:
        return pixels
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data).digest()
    # The standard library's generator: it promises the same numbers in every version.
    random = Random(number.to_bytes(8, "little") + digest)
    area = random.uniform(LEAST_AREA, 1)
    ratio = WIDEST ** random.uniform(-1, 1)
    size = len(pixels)
    width, height = (
        min(1.0, side) * size for side in ((area * ratio) ** 0.5, (area / ratio) ** 0.5)
    )
    left, top = random.uniform(0, size - width), random.uniform(0, size - height)
    box = (left, top, min(left + width, size), min(top + height, size))
    crop = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC, box)
    return np.asarray(crop)[:, :: 1 if random.random() < 0.5 else -1]
