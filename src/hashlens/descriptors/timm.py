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
"""Outputs of a network that can be the descriptor; see `TimmDescriptor`."""


class TimmDescriptor(Descriptor):
    """The features of a timm model, without its classifier.

    Input size, interpolation, crop, mean and std are those of the weights (timm's
    ``pretrained_cfg``).

    Parameters
    ----------
    name : str
        A timm model with the tag of its weights and, after a slash, the output to use:
        ``vgg19.tv_in1k/trunk``.

        - ``pooled``, the default: the input of the classifier, at unit length. For VGG, these are
          the 4096 units of the last hidden layer (fc7).
        - ``sigmoid``: the same, mapped to [0, 1] by the logistic function, as in the paper.
        - ``trunk``: the feature map of the last convolutional layer, flattened, at unit length.
          For VGG at 224 pixels, these are 7 × 7 × 512 = 25,088 values, the input of the paper's
          layer of 4096 learned units.
    weights : Path, optional
        A local state dict (.pth, .safetensors) to use instead of the hub's weights; its number of
        classes does not matter.
    threads : int, optional
        CPU threads for PyTorch.

    Raises
    ------
    MissingExtraError
        If timm or torch is not installed.
    ParameterError
        If timm does not have the model, or the output does not exist.
    DataError
        If the weights can't be loaded, or belong to another architecture.
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
            hint = f" Similar names: {', '.join(close)}." if close else ""
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
        """Write the network as an ONNX file, so that a model directory does not need PyTorch.

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
            # Different outputs of a network are not comparable, even if their dimensions agree.
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
    """Return the timm network with all weights of its features, without its classifier.

    The classifier is dropped after loading, because timm loads a network without one leniently: a
    file of another architecture would leave it with random weights.
    """
    import timm

    options: dict[str, Any] = {}
    try:
        if weights is not None:
            options = _options_of_state(model, read_state(weights))
        network = timm.create_model(model, pretrained=True, **options)
    except Exception as error:
        where = weights or "the hub"
        what = "" if weights else " Without access to the hub, give a local file of weights."
        raise DataError(
            f"The weights of timm model {model!r} can't be loaded from {where}: {error}{what}"
        ) from error
    network.reset_classifier(0)
    return network


def read_state(weights: Path) -> dict[str, Any]:
    """Return the tensors of a weight file by name, without running code that it may hold.

    Raises
    ------
    DataError
        If it holds a sparse tensor: PyTorch does not check that its indices lie within it.
    Exception
        Whatever PyTorch, safetensors and timm raise about an unreadable file.
    """
    import timm
    import torch

    state: dict[str, Any] = timm.models.load_state_dict(str(weights), weights_only=True)
    for name, tensor in state.items():
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            raise DataError(f"{name!r} is not a dense tensor")
    return state


def _options_of_state(model: str, state: dict[str, Any]) -> dict[str, Any]:
    """Return the options of `timm.create_model` for weights with any number of classes."""
    import timm

    overlay: dict[str, Any] = {"state_dict": state}
    classifier = timm.get_pretrained_cfg(model).classifier
    matrix = state.get(f"{classifier}.weight") if isinstance(classifier, str) else None
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
    """Return the SHA-256 of names and values, as weights from a hub are not a single file."""
    digest = hashlib.sha256(b"" if output == "pooled" else output.encode())
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(tensor.cpu().numpy()).tobytes())
    return digest.hexdigest()
