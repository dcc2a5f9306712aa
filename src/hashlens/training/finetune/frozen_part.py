"""The frozen part of a network that is tuned."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

from hashlens.arrays import Pixels, Vectors
from hashlens.descriptors.base import Descriptor, standardize
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import DescriptorSpec, file_sha256
from hashlens.descriptors.torch_export import export_network
from hashlens.native import thread_count
from hashlens.training.finetune.views import view

_CHUNK = 16
"""Images per run in PyTorch."""


class FrozenPart(Descriptor):
    """The frozen part as a descriptor with several maps per image: one for each view.

    On the CPU it runs in ONNX Runtime, in about half of PyTorch's time; on a GPU, in PyTorch.

    Parameters
    ----------
    prefix : nn.Sequential
        The units that are frozen.
    spec : DescriptorSpec
        Spec of the whole network.
    device : torch.device
    crops : int
        Number of views besides the image itself.
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
        """Return the flattened maps of decoded images, (n, views · C · H · W).

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
        """'onnx' or 'torch': they agree only up to rounding, so each has its own cache."""
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
