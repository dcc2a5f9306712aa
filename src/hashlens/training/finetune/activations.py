"""What a frozen part gives, kept on disk in half precision: computed once an image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hashlens.arrays import Pixels, Rows, Vectors
from hashlens.datasets.cached_images import CachedImages, fill_cache
from hashlens.datasets.dataset import LabeledImages
from hashlens.datasets.descriptor_cache import RowCache
from hashlens.descriptors.base import Descriptor, standardize
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import DescriptorSpec, file_sha256
from hashlens.descriptors.torch_export import export_network
from hashlens.errors import DataError
from hashlens.images import decode_image, map_ordered
from hashlens.native import thread_count
from hashlens.progress import OnMessage, OnProgress, no_message
from hashlens.training.finetune.views import RECIPE, view

_CHUNK = 16
_SPARE = 64 * 2**20
"""Bytes that are left free on the disk."""


class Inputs(Protocol):
    """What the tuned part is trained on: images, each in several views."""

    def draw(self, count: int, order: torch.Generator) -> Rows:
        """Return the numbers of ``count`` views, drawn at random."""

    def gather(self, rows: Rows, views: Rows) -> Tensor:
        """Return the float32 inputs of some images, each in a view of its own."""


class FrozenPart(Descriptor):
    """The frozen part as a descriptor of several maps an image: one of each view.

    On the CPU it runs in ONNX Runtime, which takes about half of PyTorch's time; on a GPU, in
    PyTorch.

    Parameters
    ----------
    prefix : nn.Sequential
        The units that are frozen.
    spec : DescriptorSpec
        Of the whole network.
    device : torch.device
    crops : int
        Views beside the image itself.
    """

    def __init__(
        self, prefix: nn.Sequential, spec: DescriptorSpec, device: torch.device, crops: int
    ) -> None:
        self.spec = spec
        self.device = device
        self.views = 1 + crops
        self.prefix = prefix.eval().to(device, memory_format=torch.channels_last)
        size = spec.input_size
        self.shape = tuple(self.run(np.zeros((1, 3, size, size), np.float32)).shape[1:])

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def run(self, inputs: Vectors) -> Vectors:
        """Return maps (n, C, H, W) of standardized pixels (n, 3, size, size)."""
        maps = []
        for chunk in torch.from_numpy(inputs).split(_CHUNK):
            pixels = chunk.to(self.device, memory_format=torch.channels_last)
            maps.append(self.prefix(pixels).float().cpu().contiguous())
        return np.ascontiguousarray(torch.cat(maps).numpy())

    def describe(self, pixels: Pixels) -> Vectors:
        """Return the maps of decoded images in a row, (n, views · C · H · W).

        Raises
        ------
        MissingExtraError, DataError
            If the part can't be exported, see `hashlens.descriptors.torch_export.export_network`.
        """
        maps = []
        with ThreadPoolExecutor(thread_count()) as pool:
            for number in range(self.views):
                shown = np.stack(list(pool.map(view, pixels, repeat(number))))
                maps.append(self._maps(shown))
        return np.concatenate(maps, axis=1)

    @property
    def runtime(self) -> str:
        """What it runs in: the two agree up to rounding, so each has a cache of its own."""
        return "onnx" if self.device.type == "cpu" else "torch"

    def _maps(self, pixels: Pixels) -> Vectors:
        if self.runtime == "onnx":
            return self._in_onnx.describe(pixels)
        maps: Vectors = self.run(standardize(pixels, self.spec))
        return maps.reshape(len(pixels), -1)

    @cached_property
    def _in_onnx(self) -> OnnxDescriptor:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "frozen.onnx"
            network = nn.Sequential(self.prefix, nn.Flatten()).eval()
            export_network(network, self.spec.input_size, path)
            dimension = int(np.prod(self.shape))
            digest = file_sha256(path)
            spec = replace(
                self.spec, dimension=dimension, normalization="none", weights_sha256=digest
            )
            return OnnxDescriptor(path, spec)


class ActivationCache(RowCache):
    """The maps of every image, fp16, in a sub-folder of their own.

    It is named for the descriptor, the cut, the views, how they are drawn, and the runtime.

    Parameters
    ----------
    folder : Path
        Of all caches.
    frozen : FrozenPart
    """

    def __init__(self, folder: Path, frozen: FrozenPart) -> None:
        dimension = frozen.views * int(np.prod(frozen.shape))
        views = f"views{frozen.views}.{RECIPE}"
        name = f"{frozen.spec.digest[:32]}-cut{len(frozen.prefix)}-{views}-{frozen.runtime}"
        super().__init__(Path(folder) / name, "activations.f16", dimension, np.float16)

    def check_room(self, rows: int) -> None:
        """Refuse so many more rows where the disk can't hold them and be left some space.

        Raises
        ------
        DataError
        """
        needed = rows * self.row_bytes + _SPARE
        free = self.free_bytes()
        if free < needed:
            raise DataError(
                f"Activations need {needed / 1e9:.2f} GB in {self.folder}, where {free / 1e9:.2f} "
                "GB are free. Free some space, choose another folder with --cache, lower "
                "--tune-crops or --tune-blocks, or train the head alone with --tune head."
            )


class CachedActivations:
    """Inputs of the tuned part from the cache.

    Parameters
    ----------
    maps : float16 array of shape (m, views · C · H · W), mapped from the disk
    rows : int64 array of shape (n,)
        Where the images are in it.
    shape : (C, H, W)
    """

    def __init__(self, maps: npt.NDArray[np.float16], rows: Rows, shape: tuple[int, ...]) -> None:
        self.maps = maps.reshape(len(maps), -1, *shape)
        self.rows = rows

    def draw(self, count: int, order: torch.Generator) -> Rows:
        """Return the numbers of ``count`` views, int64 (count,), each of those there are alike."""
        views: Rows = torch.randint(self.maps.shape[1], (count,), generator=order).numpy()
        return views

    def gather(self, rows: Rows, views: Rows) -> Tensor:
        """Return float32 maps (n, C, H, W)."""
        maps = self.maps[self.rows[rows], views]
        return torch.from_numpy(maps.astype(np.float32))


class DecodedImages:
    """Inputs of a network that is tuned whole: images, decoded whenever they are asked for.

    Parameters
    ----------
    images : LabeledImages
    indices : int64 array of shape (n,)
        Those that can be read.
    spec : DescriptorSpec
    crops : int
        How many crops are seen for each time that the image itself is; hardly one is seen twice.
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
            If an image that could be read before can't be any more.
        """

        def load(wanted: tuple[int, int]) -> Pixels:
            index, number = wanted
            return view(decode_image(self.images.read(index), self.spec.image_fit), number)

        pixels = []
        wanted = zip(self.indices[rows].tolist(), views.tolist(), strict=True)
        for (index, _), found in map_ordered(load, wanted):
            if isinstance(found, Exception):
                raise DataError(
                    f"{self.images.name(index)} was read before, and is needed again: {found}. Put "
                    "it back, then run the same command again."
                )
            pixels.append(found)
        return torch.from_numpy(standardize(np.stack(pixels), self.spec))


def cache_activations(
    images: LabeledImages,
    frozen: FrozenPart,
    folder: Path,
    on_progress: OnProgress | None = None,
    on_message: OnMessage = no_message,
) -> tuple[CachedActivations, CachedImages]:
    """Return the activations of images, computing those that the cache lacks.

    Raises
    ------
    DataError
        If the disk can't hold them, or no image can be read. What was kept before stays.
    """
    cache = ActivationCache(folder, frozen)
    held = fill_cache(images, frozen, cache, on_progress, "activations", on_message)
    return CachedActivations(cache.mapped(), cache.rows(held.keys), frozen.shape), held
