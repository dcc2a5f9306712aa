"""PCA, PCAH, PCA-RR and LSH against scikit-learn and their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.codes import unpack
from hashlens.hashers.math.pca import PCA, covariance
from hashlens.hashers.math.projection import project_centered
from hashlens.hashers.math.rotation import random_rotation
from hashlens.hashers.methods.lsh import LSH
from hashlens.hashers.methods.pca_rr import PCARR
from hashlens.hashers.methods.pcah import PCAH


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    spread = np.geomspace(3, 0.1, 40)
    return (5 + spread * rng.standard_normal((700, 40))).astype(np.float32)


def test_pca_is_that_of_scikit_learn(vectors):
    decomposition = pytest.importorskip("sklearn.decomposition")
    ours = PCA.fit(vectors, 12)
    theirs = decomposition.PCA(12, svd_solver="full").fit(vectors.astype(np.float64))
    # scikit-learn divides by n − 1, we by n.
    np.testing.assert_allclose(ours.variances * 700 / 699, theirs.explained_variance_, rtol=1e-5)
    cosines = np.einsum("dk,kd->k", ours.axes, theirs.components_)
    np.testing.assert_allclose(np.abs(cosines), 1, atol=1e-5)


def test_covariance_in_blocks_is_the_covariance():
    rng = np.random.default_rng(1)
    many = rng.standard_normal((9001, 5)).astype(np.float32) + 3
    expected = np.cov(many.astype(np.float64), rowvar=False, bias=True)
    mean = many.mean(axis=0, dtype=np.float64).astype(np.float32)
    np.testing.assert_allclose(covariance(many, mean), expected, atol=1e-6)


def test_axes_do_not_depend_on_the_sign_of_the_solver(vectors):
    axes = PCA.fit(vectors, 10).axes
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(10)] > 0).all()


def test_directions_without_variance_are_zero_not_noise(vectors):
    flat = vectors.copy()
    flat[:, 10:] = flat[:, :1]  # rank 10
    pca = PCA.fit(flat, 20)
    assert (np.abs(pca.axes[:, :10]).max(axis=0) > 0).all()
    assert (pca.axes[:, 10:] == 0).all()


def test_projection_is_the_naive_sum():
    rng = np.random.default_rng(2)
    X, mean = rng.random((6, 4), np.float32), rng.random(4, np.float32)
    W = rng.random((4, 3), np.float32)
    expected = np.zeros((6, 3))
    for i in range(6):
        for k in range(3):
            for d in range(4):
                expected[i, k] += (float(X[i, d]) - float(mean[d])) * float(W[d, k])
    np.testing.assert_allclose(project_centered(X, mean, W), expected, rtol=1e-6)


def test_random_rotations_are_orthogonal_and_uniform():
    rng = np.random.default_rng(3)
    rotations = np.stack([random_rotation(3, rng) for _ in range(4000)])
    products = rotations @ rotations.transpose(0, 2, 1)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-12)
    # Entries of a uniform rotation have mean 0 and variance 1/3; QR without its signs mended fails.
    np.testing.assert_allclose(rotations.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose((rotations**2).mean(axis=0), 1 / 3, atol=0.03)


def test_pcah_bits_are_signs_of_components_by_falling_variance(vectors):
    hasher = PCAH(bits=16).fit(vectors)
    assert (np.diff(hasher.variances_) <= 0).all()
    centered = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, directions = np.linalg.svd(centered, full_matrices=False)
    bits = unpack(hasher.transform(vectors), 16).astype(bool)
    expected = centered @ directions[:16].T > 0
    agreement = (bits == expected).mean(axis=0)
    assert (np.maximum(agreement, 1 - agreement) > 0.998).all()


def test_pca_rr_spreads_variance_evenly_and_keeps_its_sum(vectors):
    plain, rotated = PCAH(bits=16).fit(vectors), PCARR(bits=16).fit(vectors)
    before, after = plain.project(vectors).var(axis=0), rotated.project(vectors).var(axis=0)
    assert after.sum() == pytest.approx(before.sum(), rel=1e-5)
    assert after.max() / after.min() < 0.2 * before.max() / before.min()


def test_lsh_bits_differ_with_probability_angle_over_pi():
    rng = np.random.default_rng(4)
    u = rng.standard_normal(24)
    angle = 0.6
    side = rng.standard_normal(24)
    side -= side @ u / (u @ u) * u
    v = np.cos(angle) * u / np.linalg.norm(u) + np.sin(angle) * side / np.linalg.norm(side)
    # ±u and ±v have the mean 0.
    hasher = LSH(bits=512).fit(np.stack([u, -u, v, -v]))
    bits = unpack(hasher.transform(np.stack([u, v])), 512)
    share = (bits[0] != bits[1]).mean()
    assert share == pytest.approx(angle / np.pi, abs=3 * np.sqrt(0.19 * 0.81 / 512))
