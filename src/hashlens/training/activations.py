"""What a frozen part gives, kept on disk in half precision: computed once an image."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hashlens.descriptors.base import Descriptor, Pixels, Vectors, standardise
from hashlens.descriptors.cache import RowCache
from hashlens.descriptors.features import CachedImages, OnProgress, fill_cache
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import DescriptorSpec, file_sha256
from hashlens.descriptors.torch_export import export_network
from hashlens.errors import DataError
from hashlens.images import decode_image, map_ordered
from hashlens.images.datasets import LabelledImages

Rows = npt.NDArray[np.int64]
_CHUNK = 16
_SPARE = 64 * 2**20
"""Bytes that are left free on the disk."""


class Inputs(Protocol):
    """What the tuned part is trained on."""

    def gather(self, rows: Rows, flips: npt.NDArray[np.bool_]) -> Tensor:
        """Return the float32 inputs of some images, those of ``flips`` mirrored left to right."""


class FrozenPart(Descriptor):
    """The frozen part as a descriptor of two maps an image: of itself and of its mirror image.

    On the CPU it runs in ONNX Runtime, which takes about half of PyTorch's time; on a GPU, in
    PyTorch.

    Parameters
    ----------
    prefix : nn.Module
    spec : DescriptorSpec
        Of the whole network.
    device : torch.device
    """

    def __init__(self, prefix: nn.Module, spec: DescriptorSpec, device: torch.device) -> None:
        self.spec = spec
        self.device = device
        self.prefix = prefix.eval().to(device, memory_format=torch.channels_last)
        size = spec.input_size
        self.shape = tuple(self.run(np.zeros((1, 3, size, size), np.float32)).shape[1:])

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def run(self, inputs: Vectors) -> Vectors:
        """Return maps (n, C, H, W) of standardised pixels (n, 3, size, size)."""
        maps = []
        for chunk in torch.from_numpy(inputs).split(_CHUNK):
            pixels = chunk.to(self.device, memory_format=torch.channels_last)
            maps.append(self.prefix(pixels).float().cpu().contiguous())
        return np.ascontiguousarray(torch.cat(maps).numpy())

    def describe(self, pixels: Pixels) -> Vectors:
        """Return both maps of decoded images in a row, (n, 2 · C · H · W).

        Raises
        ------
        MissingExtraError, DataError
            If the part can't be exported, see `hashlens.descriptors.torch_export.export_network`.
        """
        mirrored = np.ascontiguousarray(pixels[:, :, ::-1])
        return np.concatenate([self._maps(pixels), self._maps(mirrored)], axis=1)

    @property
    def runtime(self) -> str:
        """What it runs in: the two agree up to rounding, so each has a cache of its own."""
        return "onnx" if self.device.type == "cpu" else "torch"

    def _maps(self, pixels: Pixels) -> Vectors:
        if self.runtime == "onnx":
            return self._in_onnx.describe(pixels)
        maps: Vectors = self.run(standardise(pixels, self.spec))
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
                self.spec, dimension=dimension, normalisation="none", weights_sha256=digest
            )
            return OnnxDescriptor(path, spec)


class ActivationCache(RowCache):
    """Both maps of every image, fp16, in a sub-folder for the descriptor, the cut and the runtime.

    Parameters
    ----------
    folder : Path
        Of all caches.
    frozen : FrozenPart
    cut : int
        Units in the frozen part.
    """

    def __init__(self, folder: Path, frozen: FrozenPart, cut: int) -> None:
        dimension = 2 * int(np.prod(frozen.shape))
        name = f"{frozen.spec.digest[:32]}-cut{cut}-{frozen.runtime}"
        super().__init__(Path(folder) / name, "activations.f16", dimension, np.float16)

    def check_room(self, rows: int) -> None:
        """Refuse so many more rows where the disk can't hold them and be left some space.

        Raises
        ------
        DataError
        """
        needed = rows * self.row_bytes + _SPARE
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise DataError(
                f"Activations need {needed / 1e9:.2f} GB in {self.folder}, where {free / 1e9:.2f} "
                "GB are free. Free some space, choose another folder with --cache, tune fewer "
                "blocks, or train the head alone with --tune head."
            )


class CachedActivations:
    """Inputs of the tuned part from the cache.

    Parameters
    ----------
    maps : float16 array of shape (m, 2 · C · H · W), mapped from the disk
    rows : int64 array of shape (n,)
        Where the images are in it.
    shape : (C, H, W)
    """

    def __init__(self, maps: npt.NDArray[np.float16], rows: Rows, shape: tuple[int, ...]) -> None:
        self.maps = maps.reshape(len(maps), 2, *shape)
        self.rows = rows

    def gather(self, rows: Rows, flips: npt.NDArray[np.bool_]) -> Tensor:
        """Return float32 maps (n, C, H, W)."""
        maps = self.maps[self.rows[rows], flips.astype(np.int64)]
        return torch.from_numpy(maps.astype(np.float32))


class DecodedImages:
    """Inputs of a network that is tuned whole: images, decoded whenever they are asked for.

    Parameters
    ----------
    images : LabelledImages
    indices : int64 array of shape (n,)
        Those that can be read.
    spec : DescriptorSpec
    """

    def __init__(self, images: LabelledImages, indices: Rows, spec: DescriptorSpec) -> None:
        self.images, self.indices, self.spec = images, indices, spec

    def gather(self, rows: Rows, flips: npt.NDArray[np.bool_]) -> Tensor:
        """Return standardised pixels (n, 3, size, size).

        Raises
        ------
        DataError
            If an image that could be read before can't be any more.
        """

        def load(index: int) -> Pixels:
            return decode_image(self.images.read(index), self.spec.image_fit)

        pixels = []
        for index, found in map_ordered(load, self.indices[rows].tolist()):
            if isinstance(found, Exception):
                raise DataError(
                    f"{self.images.name(index)} was read before, and is needed again: {found}. Put "
                    "it back, then run the same command again."
                )
            pixels.append(found)
        inputs = standardise(np.stack(pixels), self.spec)
        inputs[flips] = inputs[flips][..., ::-1]
        return torch.from_numpy(inputs)


def cache_activations(
    images: LabelledImages,
    frozen: FrozenPart,
    cut: int,
    folder: Path,
    on_progress: OnProgress | None = None,
) -> tuple[CachedActivations, CachedImages]:
    """Return the activations of images, computing those that the cache lacks.

    Raises
    ------
    DataError
        If the disk can't hold them, or no image can be read. What was kept before stays.
    """
    with ActivationCache(folder, frozen, cut) as cache:
        held = fill_cache(images, frozen, cache, on_progress)
        return CachedActivations(cache.mapped(), cache.rows(held.keys), frozen.shape), held
