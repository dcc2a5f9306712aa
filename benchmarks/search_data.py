"""The codes that the search benchmark runs on; every generator is seeded.

Uniform codes are random bytes. Clumped codes come from a trained model: its codes of a labeled
collection, resampled to any size. Resampling draws a real code and flips each of its bits with the
rate at which two images of one class differ, measured on the real codes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

CHUNK = 1 << 20


def uniform(n, bits, seed=0):
    """Return n random codes, uint8 (n, bits / 8)."""
    return np.random.default_rng(seed).integers(0, 256, (n, bits // 8), dtype=np.uint8)


def with_near_pairs(n, bits, radius, seed=0):
    """Return n random codes, half of which have 0 to ``radius`` bits flipped of another."""
    rng = np.random.default_rng(seed)
    codes = uniform(n, bits, seed)
    flips = rng.integers(0, radius + 1, n // 2)
    flipped = rng.random((n // 2, bits)).argsort(axis=1) < flips[:, None]  # so many, anywhere
    codes[n - n // 2 :] = codes[: n // 2] ^ np.packbits(flipped, axis=1)
    return codes


def same_class_rate(codes, labels, seed=0, pairs=2000):
    """Return the share of bits in which two images of one class differ, mean over the classes."""
    rng = np.random.default_rng(seed)
    rates = []
    for label in np.unique(labels):
        members = codes[labels == label]
        a, b = rng.integers(0, len(members), (2, pairs))
        kept = a != b
        rates.append(np.bitwise_count(members[a[kept]] ^ members[b[kept]]).mean() / 8)
    return float(np.mean(rates))


def resample(real, n, rate, path, seed=0):
    """Write n codes like the real ones to an npy file and return it, mapped into memory."""
    rng = np.random.default_rng(seed)
    path = Path(path)
    if not path.exists():
        width = real.shape[1]
        partial = path.with_suffix(".partial")
        out = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(n, width))
        for start in range(0, n, CHUNK):
            count = min(CHUNK, n - start)
            flips = rng.integers(0, 1 << 16, (count, 8 * width), dtype=np.uint16)
            chosen = real[rng.integers(0, len(real), count)]
            out[start : start + count] = chosen ^ np.packbits(flips < rate * (1 << 16), axis=1)
        out.flush()
        del out
        partial.rename(path)
    return np.load(path, mmap_mode="r")


def surrogate(bits=64, seed=0):
    """Return codes, labels and queries that clump like those of a trained model.

    For runs without a model: 100 classes around random centers; half of the codes equal theirs or
    nearly so, the others and the queries stray up to a quarter of their bits.
    """
    rng = np.random.default_rng(seed)
    centers = rng.random((100, bits)) < 0.5

    def draw(n, rates, shares):
        labels = rng.integers(0, 100, n)
        noise = rng.random((n, bits)) < rng.choice(rates, n, p=shares)[:, None]
        return np.packbits(centers[labels] ^ noise, axis=1), labels

    real, labels = draw(50_000, [0.003, 0.02, 0.06, 0.12], [0.5, 0.2, 0.2, 0.1])
    queries, _ = draw(10_000, [0.01, 0.05, 0.12, 0.25], [0.4, 0.3, 0.2, 0.1])
    return real, labels, queries
