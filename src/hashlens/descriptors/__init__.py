"""From image to float32 vector."""

from hashlens.descriptors.base import Descriptor
from hashlens.descriptors.load import load_descriptor
from hashlens.descriptors.spec import DescriptorSpec

__all__ = ["Descriptor", "DescriptorSpec", "load_descriptor"]
