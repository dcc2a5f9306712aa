"""Codes and indexes that the tests of search share."""

import numpy as np

from hashlens.indexes import MultiIndex


class ManySegments(MultiIndex):
    """A multi-index that makes segments of a few codes and never leaves its shells."""

    recent_limit = 8
    budget = float("inf")


def clumped_codes(rng, n, bits=64, centers=12, flip=0.04):
    """Codes as learned hashes make them: copies of a few centers, each bit flipped at times."""
    base = rng.random((centers, bits)) < 0.5
    chosen = base[rng.integers(0, centers, n)] ^ (rng.random((n, bits)) < flip)
    return np.packbits(chosen, axis=1)
