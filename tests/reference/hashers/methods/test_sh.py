"""Spectral hashing against a loop over modes, as in the authors' published program."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hashlens.codes import unpack
from hashlens.hashers.math.pca import PCA
from hashlens.hashers.methods.sh import SpectralHashing, smoothest_modes


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random((500, 20)) * np.geomspace(8, 0.5, 20)).astype(np.float32)


def naive_modes(widths, bits: int) -> list[tuple[float, int, int]]:
    """(eigenvalue, side, half waves), smallest first, the zero mode dropped."""
    modes = [(0.0, -1, 0)]
    for side, width in enumerate(widths):
        most = math.ceil((bits + 1) * width / max(widths))
        modes += [((k * math.pi / width) ** 2, side, k) for k in range(1, most)]
    modes.sort()
    return modes[1 : bits + 1]


@pytest.mark.parametrize("bits", [8, 32, 64])
def test_modes_are_those_of_the_naive_enumeration(vectors, bits):
    coordinates = PCA.fit(vectors, min(bits, 20)).project(vectors)
    widths = np.ptp(coordinates, axis=0)
    expected = naive_modes(widths.tolist(), bits)
    sides, frequencies = smoothest_modes(widths, bits)
    assert sides.tolist() == [side for _, side, _ in expected]
    np.testing.assert_allclose(frequencies**2, [value for value, _, _ in expected], rtol=1e-6)


def test_eigenvalues_rise_and_wide_sides_come_first(vectors):
    hasher = SpectralHashing(bits=32).fit(vectors)
    assert (np.diff(hasher.frequencies_) >= 0).all()
    np.testing.assert_array_equal(hasher.weights_[:, 0], PCA.fit(vectors, 1).axes[:, 0])


def test_bits_are_the_signs_of_the_naive_waves(vectors):
    hasher = SpectralHashing(bits=24).fit(vectors)
    pca = PCA.fit(vectors, 20)
    low, widths = pca.project(vectors).min(axis=0), np.ptp(pca.project(vectors), axis=0)
    queries = vectors[:50] * 1.3  # some lie outside of the box and are not clipped
    bits = unpack(hasher.transform(queries), 24)
    coordinates = pca.project(queries)
    for i in range(50):
        for bit, (_, side, k) in enumerate(naive_modes(widths.tolist(), 24)):
            along = coordinates[i, side] - low[side]
            wave = math.sin(math.pi / 2 + k * math.pi / widths[side] * along)
            assert abs(wave) < 1e-3 or bits[i, bit] == (wave > 0)


def test_bits_of_uniform_data_are_balanced_and_waves_uncorrelated():
    """What the theory promises for a box of uniform data."""
    rng = np.random.default_rng(1)
    X = rng.random((20000, 3)) * [8.0, 5.0, 3.0]
    hasher = SpectralHashing(bits=8).fit(X)
    bits = unpack(hasher.transform(X), 8)
    np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.03)
    assert np.abs(np.corrcoef(hasher.project(X).T) - np.eye(8)).max() < 0.05
