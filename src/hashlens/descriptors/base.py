"""The base class of descriptors: decoded pixels in, float32 vectors out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import numpy as np

from hashlens.arrays import Pixels, Vectors
from hashlens.descriptors.spec import DescriptorSpec, Normalization


class Descriptor(ABC):
    """A network that describes an image by a vector of ``spec.dimension`` floats.

    A subclass sets ``spec`` and implements `run`; see docs/adding-a-descriptor.md.
    """

    spec: DescriptorSpec

    @abstractmethod
    def run(self, inputs: Vectors) -> Vectors:
        """Return the network's raw output (n, dimension) for inputs (n, 3, size, size)."""

    def describe(self, pixels: Pixels) -> Vectors:
        """Return the descriptors of decoded images.

        Parameters
        ----------
        pixels : uint8 array of shape (n, size, size, 3)
            RGB, as `hashlens.images.decode_image` returns them for ``spec.image_fit``.

        Returns
        -------
        float32 array of shape (n, dimension)
        """
        if not len(pixels):
            return np.empty((0, self.spec.dimension), np.float32)
        return normalize(self.run(standardize(pixels, self.spec)), self.spec.normalization)


def standardize(pixels: Pixels, spec: DescriptorSpec) -> Vectors:
    """Return (pixels − mean) / std as float32 of shape (n, 3, size, size)."""
    scale = (1 / np.asarray(spec.std)).astype(np.float32)
    shift = (-np.asarray(spec.mean) / np.asarray(spec.std)).astype(np.float32)
    inputs = np.empty((len(pixels), 3, *pixels.shape[1:3]), np.float32)
    for channel in range(3):
        np.multiply(pixels[..., channel], scale[channel], out=inputs[:, channel])
        inputs[:, channel] += shift[channel]
    return inputs


def normalize(vectors: Vectors, how: Normalization) -> Vectors:
    """Return vectors (n, D) unchanged, at unit length, or mapped by the logistic function."""
    if how == "l2":
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return cast(Vectors, vectors / np.maximum(length, np.finfo(np.float32).tiny))
    if how == "sigmoid":
        # by tanh, because exp overflows
        return cast(Vectors, (np.tanh(vectors / 2) + 1) / 2)
    return vectors
