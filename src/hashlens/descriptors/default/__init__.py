"""The bundled descriptor: EfficientNet-lite0 (ImageNet), 1280-D at 224 pixels, Apache-2.0.

Exported by ``tools/export_default_descriptor.py``; see NOTICE in this folder.
"""

from pathlib import Path

from hashlens.descriptors.onnx import OnnxDescriptor, read_spec
from hashlens.descriptors.spec import DescriptorSpec

FOLDER = Path(__file__).parent
NETWORK = FOLDER / "descriptor.onnx"


def default_descriptor(threads: int | None = None) -> OnnxDescriptor:
    """Load the bundled descriptor.

    Parameters
    ----------
    threads : int, optional
        CPU threads. Default: the environment's ``HASHLENS_THREADS``, or all cores.
    """
    return OnnxDescriptor(NETWORK, default_spec(), threads, is_ours=True)


def default_spec() -> DescriptorSpec:
    """Return the bundled descriptor's spec, without loading its network."""
    return read_spec(NETWORK.with_suffix(".json"))
