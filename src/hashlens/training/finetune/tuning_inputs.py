"""What the tuned part of a network is trained on: cached activations, or decoded images."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hashlens.arrays import Pixels, Rows
from hashlens.datasets.dataset import LabeledImages
from hashlens.descriptors.base import standardize
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError
from hashlens.images import decode_image, map_ordered
from hashlens.training.finetune.views import view


class Inputs(Protocol):
    """What the tuned part is trained on: images, each in several views."""

    def draw(self, count: int, order: torch.Generator) -> Rows:
        """Return the numbers of ``count`` views, drawn at random."""

    def gather(self, rows: Rows, views: Rows) -> Tensor:
        """Return the float32 inputs of some images, each in a view of its own."""


class SelectedInputs:
    """Some images of other inputs.

    Parameters
    ----------
    inputs : Inputs
    rows : int64 array of shape (n,)
        Positions of the images in ``inputs``.
    """

    def __init__(self, inputs: Inputs, rows: Rows) -> None:
        self.inputs, self.rows = inputs, rows

    def draw(self, count: int, order: torch.Generator) -> Rows:
        """Return the numbers of ``count`` views, drawn at random."""
        return self.inputs.draw(count, order)

    def gather(self, rows: Rows, views: Rows) -> Tensor:
        """Return the inputs of some of the images, each in a view of its own."""
        return self.inputs.gather(self.rows[rows], views)


class CachedActivations:
    """Inputs of the tuned part from the cache.

    Parameters
    ----------
    maps : float16 array of shape (m, views · C · H · W), mapped from the disk
    rows : int64 array of shape (n,)
        Positions of the images in ``maps``.
    shape : (C, H, W)
        Shape of a map.
    """

    def __init__(self, maps: npt.NDArray[np.float16], rows: Rows, shape: tuple[int, ...]) -> None:
        self.maps = maps.reshape(len(maps), -1, *shape)
        self.rows = rows

    def draw(self, count: int, order: torch.Generator) -> Rows:
        """Return the numbers of ``count`` views, int64 (count,), drawn uniformly."""
        views: Rows = torch.randint(self.maps.shape[1], (count,), generator=order).numpy()
        return views

    def gather(self, rows: Rows, views: Rows) -> Tensor:
        """Return float32 maps (n, C, H, W)."""
        maps = self.maps[self.rows[rows], views]
        return torch.from_numpy(maps.astype(np.float32))


class DecodedImages:
    """Inputs of a network that is tuned as a whole: images, decoded each time they are used.

    Parameters
    ----------
    images : LabeledImages
    indices : int64 array of shape (n,)
        Positions of the images that can be read.
    spec : DescriptorSpec
    crops : int
        Number of crops used for each use of the image itself; they are drawn anew each time.
    """

    def __init__(
        self, images: LabeledImages, indices: Rows, spec: DescriptorSpec, crops: int
    ) -> None:
        self.images, self.indices, self.spec, self.crops = images, indices, spec, crops

    def draw(self, count: int, order: torch.Generator) -> Rows:
        """Return the numbers of ``count`` views, int64 (count,)."""
        crops = torch.randint(1, 2**31, (count,), generator=order)
        is_crop = torch.randint(1 + self.crops, (count,), generator=order) > 0
        views: Rows = (crops * is_crop).numpy()
        return views

    def gather(self, rows: Rows, views: Rows) -> Tensor:
        """Return standardized pixels (n, 3, size, size).

        Raises
        ------
        DataError
            If an image that could be read before can't be read any more.
        """

        def load(wanted: tuple[int, int]) -> Pixels:
            index, number = wanted
            return view(decode_image(self.images.read(index), self.spec.image_fit), number)

        pixels = []
        wanted = zip(self.indices[rows].tolist(), views.tolist(), strict=True)
        for (index, _), found in map_ordered(load, wanted):
            if isinstance(found, Exception):
                raise DataError(
                    f"{self.images.name(index)} was read before and is needed again: {found}. "
                    "Restore it, then run the same command again."
                )
            pixels.append(found)
        return torch.from_numpy(standardize(np.stack(pixels), self.spec))
