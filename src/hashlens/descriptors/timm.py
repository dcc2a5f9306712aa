"""Descriptors from timm's pretrained image models (extra ``train``)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from hashlens.descriptors.base import Descriptor, Vectors
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError, MissingExtraError, ParameterError


class TimmDescriptor(Descriptor):
    """The pooled features of a timm model: its classifier is left out.

    Input size, interpolation, crop, mean and std are those that the weights were trained with
    (timm's ``pretrained_cfg``). For VGG, timm's features are the 4096 of the last hidden layer
    (fc7).

    Parameters
    ----------
    name : str
        A model of timm, with its weights' tag: ``vgg19.tv_in1k``.
    weights : Path, optional
        A local state dict (.pth, .safetensors) instead of the hub's weights.
    threads : int, optional
        CPU threads for PyTorch.

    Raises
    ------
    MissingExtraError
        If timm or torch are not installed.
    ParameterError
        If timm has no such model.
    DataError
        If the weights can't be had, or belong to another architecture.
    """

    def __init__(self, name: str, weights: Path | None = None, threads: int | None = None) -> None:
        try:
            import timm
            import torch
        except ImportError:
            raise MissingExtraError("A timm: descriptor", "timm", "train") from None
        if not timm.is_model(name):
            close = timm.list_models(f"*{name.split('.')[0][:5]}*")[:5]
            hint = f" Some that it has: {', '.join(close)}." if close else ""
            raise ParameterError(f"timm has no model {name!r}.{hint}")
        if weights is not None and not weights.is_file():
            raise DataError(f"The weight file {weights} does not exist.")
        overlay = {"file": str(weights)} if weights else None
        try:
            self.network = timm.create_model(
                name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay
            )
        except Exception as error:
            where = weights or "the hub"
            raise DataError(
                f"The weights of timm model {name!r} can't be loaded from {where}: {error}"
            ) from error
        self.network.eval()
        self._device = _device()
        self.network.to(self._device)
        if threads:
            torch.set_num_threads(threads)
        self.spec = _spec(name, self.network)

    def run(self, inputs: Vectors) -> Vectors:
        """Return the network's pooled features (n, dimension) for inputs (n, 3, size, size)."""
        import torch

        with torch.inference_mode():
            output = self.network(torch.from_numpy(inputs).to(self._device))
        return cast(Vectors, output.float().cpu().numpy())


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _spec(name: str, network: Any) -> DescriptorSpec:
    config = network.pretrained_cfg
    size = config["input_size"][-1]
    interpolation = config.get("interpolation", "bicubic")
    if interpolation not in ("bilinear", "bicubic", "lanczos"):
        interpolation = "bicubic"
    squash = config.get("crop_mode", "center") == "squash"
    fit: Literal["squash", "crop"] = "squash" if squash else "crop"
    return DescriptorSpec(
        name=f"timm:{name}",
        weights_sha256=_state_digest(network),
        input_size=size,
        fit=fit,
        crop_fraction=1.0 if squash else float(config.get("crop_pct", 0.875)),
        interpolation=interpolation,
        mean=cast(tuple[float, float, float], tuple(255 * v for v in config["mean"])),
        std=cast(tuple[float, float, float], tuple(255 * v for v in config["std"])),
        dimension=_dimension(network, size),
        normalisation="l2",
        licence=str(config.get("license") or "unknown"),
        source=str(config.get("hf_hub_id") or config.get("url") or "local file"),
    )


def _dimension(network: Any, size: int) -> int:
    import torch

    device = next(network.parameters()).device
    with torch.inference_mode():
        return int(network(torch.zeros(1, 3, size, size, device=device)).shape[1])


def _state_digest(network: Any) -> str:
    """SHA-256 over names and values: weights have no one file when they come from a hub."""
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
