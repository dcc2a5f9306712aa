"""The output of a frozen part, kept on disk in half precision: computed once per image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hashlens.datasets.cached_images import CachedImages, fill_cache
from hashlens.datasets.dataset import LabeledImages
from hashlens.datasets.descriptor_cache import RowCache
from hashlens.errors import DataError
from hashlens.training.finetune.frozen_part import FrozenPart
from hashlens.training.finetune.tuning_inputs import CachedActivations
from hashlens.training.finetune.views import RECIPE
from hashlens.training.listener import SILENT, Listener

_SPARE = 64 * 2**20
"""Bytes that are left free on the disk."""


class ActivationCache(RowCache):
    """The maps of every image, float16, in a sub-folder of their own.

    Its name states the descriptor, the cut, the views, how they are drawn, and the runtime.

    Parameters
    ----------
    folder : Path
        Folder of all caches.
    frozen : FrozenPart
    """

    def __init__(self, folder: Path, frozen: FrozenPart) -> None:
        dimension = frozen.views * int(np.prod(frozen.shape))
        views = f"views{frozen.views}.{RECIPE}"
        name = f"{frozen.spec.digest[:32]}-cut{len(frozen.prefix)}-{views}-{frozen.runtime}"
        super().__init__(Path(folder) / name, "activations.f16", dimension, np.float16)

    def check_room(self, rows: int) -> None:
        """Refuse so many more rows if the disk can't hold them and keep some free space.

        Raises
        ------
        DataError
        """
        needed = rows * self.row_bytes + _SPARE
        free = self.free_bytes()
        if free < needed:
            raise DataError(
                f"Activations need {needed / 1e9:.2f} GB in {self.folder}, where {free / 1e9:.2f} "
                "GB are free. Free some space, choose another cache folder, use fewer crops "
                "(tune_crops) or blocks (tune_blocks), or train the head alone (tune='head')."
            )


def cache_activations(
    images: LabeledImages,
    frozen: FrozenPart,
    folder: Path,
    listener: Listener = SILENT,
) -> tuple[CachedActivations, CachedImages]:
    """Return the activations of images, computing those that the cache lacks.

    Raises
    ------
    DataError
        If the disk can't hold them, or no image can be read. What was kept before stays.
    """
    cache = ActivationCache(folder, frozen)
    held = fill_cache(
        images, frozen, cache, listener.on_progress, "activations", listener.on_message
    )
    return CachedActivations(cache.mapped(), cache.rows(held.keys), frozen.shape), held
