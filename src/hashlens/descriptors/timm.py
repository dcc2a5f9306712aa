"""Descriptors from timm's pretrained image models (extra ``train``)."""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from hashlens.arrays import Vectors
from hashlens.descriptors.base import Descriptor
from hashlens.descriptors.spec import DescriptorSpec
from hashlens.errors import DataError, MissingExtraError, ParameterError

OUTPUTS = ("pooled", "sigmoid", "trunk")
"""What of a network can be the descriptor; see `TimmDescriptor`."""


class TimmDescriptor(Descriptor):
    """The features of a timm model: its classifier is left out.

    Input size, interpolation, crop, mean and std are those that the weights were trained with
    (timm's ``pretrained_cfg``).

    Parameters
    ----------
    name : str
        A model of timm, with its weights' tag, and after a slash what of it is the descriptor:
        ``vgg19.tv_in1k/trunk``.

        - ``pooled``, which may be left out: the input of the classifier at unit length. Of VGG,
          the 4096 units of the last hidden layer (fc7).
        - ``sigmoid``: the same through the logistic function, in [0, 1] as the paper has it.
        - ``trunk``: the map of the last convolutional layer, flattened, at unit length. Of VGG at
          224 pixels, 7 × 7 × 512 = 25,088 values: what the paper's layer of 4096 learned units is
          put on.
    weights : Path, optional
        A local state dict (.pth, .safetensors) instead of the hub's weights, of any number of
        classes.
    threads : int, optional
        CPU threads for PyTorch.

    Raises
    ------
    MissingExtraError
        If timm or torch are not installed.
    ParameterError
        If timm has no such model, or it has no such output.
    DataError
        If the weights can't be had, or belong to another architecture.
    """

    def __init__(self, name: str, weights: Path | None = None, threads: int | None = None) -> None:
        try:
            import timm
            import torch
        except ImportError:
            raise MissingExtraError("A timm: descriptor", "timm", "train") from None
        model, _, output = name.partition("/")
        self.output = output or "pooled"
        if self.output not in OUTPUTS:
            raise ParameterError(
                f"The descriptor of a timm model must be one of its outputs {', '.join(OUTPUTS)}. "
                f"Got {output!r} instead."
            )
        if not timm.is_model(model):
            close = difflib.get_close_matches(model.partition(".")[0], timm.list_models())
            hint = f" Some that it has: {', '.join(close)}." if close else ""
            raise ParameterError(f"timm has no model {model!r}.{hint}")
        if weights is not None and not weights.is_file():
            raise DataError(f"The weight file {weights} does not exist.")
        self.network = _load(model, weights).eval()
        self._device = _device()
        self.network.to(self._device)
        if threads:
            torch.set_num_threads(threads)
        self.spec = self._spec(model)

    def run(self, inputs: Vectors) -> Vectors:
        """Return the network's features (n, dimension) for inputs (n, 3, size, size)."""
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(inputs).to(self._device)
            if self.output == "trunk":
                features = self.network.forward_features(pixels).flatten(1)
            else:
                features = self.network(pixels)
        return cast(Vectors, features.float().cpu().numpy())

    def export(self, path: Path) -> None:
        """Write the network as an ONNX file, with which a model directory needs no PyTorch.

        Raises
        ------
        MissingExtraError, DataError
            See `hashlens.descriptors.torch_export.export_network`.
        """
        from hashlens.descriptors.torch_export import FeatureMap, export_network

        network = FeatureMap(self.network) if self.output == "trunk" else self.network
        export_network(network.cpu().eval(), self.spec.input_size, path)
        self.network.to(self._device)

    def _spec(self, model: str) -> DescriptorSpec:
        config = self.network.pretrained_cfg
        size = config["input_size"][-1]
        interpolation = config.get("interpolation", "bicubic")
        if interpolation not in ("bilinear", "bicubic", "lanczos"):
            interpolation = "bicubic"
        squash = config.get("crop_mode", "center") == "squash"
        fit: Literal["squash", "crop"] = "squash" if squash else "crop"
        return DescriptorSpec(
            name=f"timm:{model}" + ("" if self.output == "pooled" else f"/{self.output}"),
            # Outputs of one network are not comparable, though dimension and weights may agree.
            weights_sha256=_state_digest(self.network, self.output),
            input_size=size,
            fit=fit,
            crop_fraction=1.0 if squash else float(config.get("crop_pct", 0.875)),
            interpolation=interpolation,
            mean=cast(tuple[float, float, float], tuple(255 * v for v in config["mean"])),
            std=cast(tuple[float, float, float], tuple(255 * v for v in config["std"])),
            dimension=self.run(np.zeros((1, 3, size, size), np.float32)).shape[1],
            normalization="sigmoid" if self.output == "sigmoid" else "l2",
            license=str(config.get("license") or "unknown"),
            source=str(config.get("hf_hub_id") or config.get("url") or "local file"),
        )


def _load(model: str, weights: Path | None) -> Any:
    """Return the timm network with every weight of its features loaded, without classifier.

    The classifier is dropped after loading: timm loads a network that is made without one
    leniently, so that a file of another architecture would leave it with random weights.
    """
    import timm

    options: dict[str, Any] = {}
    try:
        if weights is not None:
            options = _options_of_file(model, weights)
        network = timm.create_model(model, pretrained=True, **options)
    except Exception as error:
        where = weights or "the hub"
        what = "" if weights else " Where there is no hub, give a local file with --weights."
        raise DataError(
            f"The weights of timm model {model!r} can't be loaded from {where}: {error}{what}"
        ) from error
    network.reset_classifier(0)
    return network


def _options_of_file(model: str, weights: Path) -> dict[str, Any]:
    """Return what `timm.create_model` needs to load a file of any number of classes."""
    import timm

    overlay: dict[str, Any] = {"file": str(weights)}
    classifier = timm.get_pretrained_cfg(model).classifier
    held = timm.models.load_state_dict(str(weights), use_ema=False)
    matrix = held.get(f"{classifier}.weight") if isinstance(classifier, str) else None
    if matrix is None:
        return {"pretrained_cfg_overlay": overlay}
    overlay["num_classes"] = len(matrix)
    return {"pretrained_cfg_overlay": overlay, "num_classes": len(matrix)}


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _state_digest(network: Any, output: str) -> str:
    """SHA-256 over names and values: weights have no one file when they come from a hub."""
    digest = hashlib.sha256(b"" if output == "pooled" else output.encode())
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
