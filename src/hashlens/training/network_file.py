"""The ONNX file of a descriptor's network, which a model brings with it."""

from __future__ import annotations

from pathlib import Path

from hashlens.descriptors import Descriptor
from hashlens.descriptors.default import default_spec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.timm import TimmDescriptor
from hashlens.errors import ParameterError


def network_file(descriptor: Descriptor, scratch: Path) -> Path | None:
    """Return the ONNX file of a descriptor's network; None for the bundled one.

    Parameters
    ----------
    descriptor : Descriptor
    scratch : Path
        Folder into which a network of timm is exported.

    Raises
    ------
    ParameterError
        If the descriptor has no ONNX file and can't be exported.
    MissingExtraError, DataError, HashlensError
        If the export fails, see `hashlens.descriptors.torch_export.export_network`.
    """
    if descriptor.spec.digest == default_spec().digest:
        return None
    if isinstance(descriptor, OnnxDescriptor):
        return descriptor.path
    if isinstance(descriptor, TimmDescriptor):
        descriptor.export(scratch / "descriptor.onnx")
        return scratch / "descriptor.onnx"
    raise ParameterError(
        f"A model stores its descriptor's network as ONNX, and a {type(descriptor).__name__} can't "
        "be exported. Expected 'default', 'onnx:FILE', 'timm:NAME' or their descriptors."
    )
