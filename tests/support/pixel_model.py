"""A real `Model` with a toy descriptor: the image itself at 8 x 8 pixels. Instant, no network."""

import numpy as np

from hashlens.descriptors import Descriptor, DescriptorSpec
from hashlens.hashers import hasher_class
from hashlens.model.model import Model

SPEC = DescriptorSpec(
    name="pixels",
    weights_sha256="0" * 64,
    input_size=8,
    fit="squash",
    crop_fraction=1.0,
    interpolation="bicubic",
    mean=(127.5, 127.5, 127.5),
    std=(127.5, 127.5, 127.5),
    dimension=8 * 8 * 3,
    normalization="l2",
    license="none",
    source="none",
)


class PixelDescriptor(Descriptor):
    spec = SPEC

    def run(self, inputs):
        return inputs.reshape(len(inputs), -1)


def pixel_model(bits=64, seed=0):
    """Return a model whose codes are the signs of random projections of 8 x 8 pixels."""
    vectors = np.random.default_rng(0).normal(size=(500, SPEC.dimension)).astype(np.float32)
    hasher = hasher_class("lsh")(bits=bits, random_state=seed).fit(vectors)
    return Model(hasher, SPEC, PixelDescriptor())
