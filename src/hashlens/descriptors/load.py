"""Load a descriptor by the name that the command line accepts."""

from __future__ import annotations

from pathlib import Path

from hashlens.descriptors.base import Descriptor
from hashlens.errors import ParameterError


def load_descriptor(
    name: str, weights: Path | None = None, threads: int | None = None
) -> Descriptor:
    """Load ``default``, ``onnx:FILE`` or ``timm:NAME``.

    Parameters
    ----------
    name : str
        ``default`` is the bundled EfficientNet-lite0. ``onnx:FILE`` needs a spec beside the file
        (``FILE`` with the suffix .json). ``timm:NAME`` is any image model of timm (extra
        ``train``), for example ``timm:vgg19.tv_in1k``.
    weights : Path, optional
        A local weight file for ``timm:``; by default the hub's pretrained weights.
    threads : int, optional
        CPU threads. Default: the environment's ``HASHLENS_THREADS``, or all cores.

    Raises
    ------
    ParameterError
        If the name has another form, or ``weights`` is given for a descriptor other than ``timm:``.
    """
    kind, _, rest = name.partition(":")
    if weights is not None and kind != "timm":
        raise ParameterError(
            f"'weights' can only be given for a timm: descriptor. Got {name!r} instead."
        )
    if name == "default":
        from hashlens.descriptors.default import default_descriptor

        return default_descriptor(threads)
    if kind == "onnx" and rest:
        from hashlens.descriptors.onnx import load_onnx_descriptor

        return load_onnx_descriptor(Path(rest), threads)
    if kind == "timm" and rest:
        from hashlens.descriptors.timm import TimmDescriptor

        return TimmDescriptor(rest, weights, threads)
    raise ParameterError(
        f"A descriptor must be 'default', 'onnx:FILE' or 'timm:NAME'. Got {name!r} instead."
    )
