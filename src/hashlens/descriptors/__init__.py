"""From image to float32 vector."""

from hashlens.arrays import Pixels, Vectors
from hashlens.descriptors.base import Descriptor
from hashlens.descriptors.load import load_descriptor
from hashlens.descriptors.spec import DescriptorSpec

__all__ = ["Descriptor", "DescriptorSpec", "Pixels", "Vectors", "load_descriptor"]
