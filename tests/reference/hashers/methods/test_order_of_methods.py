"""Methods on real descriptors stand in the order in which they are known to stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hashlens.datasets.opening import load_dataset
from hashlens.descriptors import load_descriptor
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import create_hasher
from hashlens.images import decode_image

pytestmark = pytest.mark.slow
pytest.importorskip("torch")

DATA = Path(__file__).parents[4] / "shared/data/cifar100"
TRAIN, TEST = 10_000, 1_000


def described(images, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return descriptors and labels of some images."""
    descriptor = load_descriptor("default")
    rows = np.random.default_rng(0).choice(len(images), count, replace=False)
    parts = [
        descriptor.describe(
            np.stack([decode_image(images.read(int(i)), descriptor.spec.image_fit) for i in part])
        )
        for part in np.array_split(rows, count // 50)
    ]
    return np.concatenate(parts), images.labels[rows]


@pytest.fixture(scope="module")
def precision_at_5():
    """Return precision at 5 of each method at 64 bits, on a part of CIFAR-100."""
    if not DATA.is_dir():
        pytest.skip("CIFAR-100 is not here")
    data = load_dataset("cifar100", DATA)
    X, y = described(data.train, TRAIN)
    queries, asked = described(data.test, TEST)

    def score(name: str, **params: object) -> float:
        hasher = create_hasher(name, 64, **params)
        codes = hasher.fit(X, y).transform(X)
        return evaluate_codes(hasher.transform(queries), asked, codes, y, 64).precision.expected

    methods = ("lsh", "pca-rr", "itq", "sph", "dlbhc", "autoencoder", "codebook")
    found = {name: score(name) for name in methods}
    return {**found, "linear codebook": score("codebook", hidden=0)}


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("lsh", "sph"),
        ("sph", "itq"),
        ("lsh", "pca-rr"),
        ("pca-rr", "itq"),
        ("itq", "dlbhc"),
        ("itq", "linear codebook"),
        ("dlbhc", "codebook"),
        ("linear codebook", "codebook"),
        ("dlbhc", "autoencoder"),
    ],
)
def test_one_method_is_better_than_another(precision_at_5, worse, better):
    assert precision_at_5[worse] < precision_at_5[better]
