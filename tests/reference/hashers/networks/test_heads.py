"""Losses of the heads by naive loops; batch norms that are folded; what a fitted head reaches."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hashlens.codes import unpack
from hashlens.errors import ParameterError
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import create_hasher
from hashlens.hashers.math.codewords import random_codewords
from hashlens.hashers.methods.codebook import CodebookHasher
from hashlens.hashers.networks import heads
from hashlens.hashers.networks.folding import fold_batch_norm
from hashlens.hashers.networks.heads import CodewordLoss

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def outputs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((7, 8)), rng.integers(0, 4, 7), random_codewords(4, 8, rng)


def test_orthohash_is_cross_entropy_over_cosines_with_a_margin(outputs):
    v, y, words = outputs
    loss = CodewordLoss(words, "orthohash", 8.0, 0.2)
    total = 0.0
    for row, label in zip(v, y, strict=True):
        logits = []
        for j, word in enumerate(words):
            cosine = row @ word / (np.linalg.norm(row) * np.linalg.norm(word))
            logits.append(8.0 * (cosine - (0.2 if j == label else 0.0)))
        total += math.log(sum(math.exp(z) for z in logits)) - logits[label]
    ours = loss(torch.from_numpy(v.astype(np.float32)), torch.from_numpy(y))
    assert ours.item() == pytest.approx(total / 7, rel=1e-5)


def test_csq_is_binary_cross_entropy_to_the_codeword(outputs):
    v, y, words = outputs
    total = 0.0
    for row, label in zip(v, y, strict=True):
        for value, bit in zip(row, words[label], strict=True):
            p = (math.tanh(value) + 1) / 2
            total -= math.log(p if bit > 0 else 1 - p)
    ours = CodewordLoss(words, "csq", 8.0, 0.2)(
        torch.from_numpy(v.astype(np.float32)), torch.from_numpy(y)
    )
    assert ours.item() == pytest.approx(total / v.size, rel=1e-5)


def test_several_labels_share_the_cross_entropy_and_each_has_its_margin(outputs):
    v, _, words = outputs
    table = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 0]], dtype=bool)
    total = 0.0
    for row, has in zip(v, table, strict=False):
        logits = []
        for word, own in zip(words, has, strict=True):
            cosine = row @ word / (np.linalg.norm(row) * np.linalg.norm(word))
            logits.append(8.0 * (cosine - (0.2 if own else 0.0)))
        log_sum = math.log(sum(math.exp(z) for z in logits))
        total += sum(log_sum - z for z, own in zip(logits, has, strict=True) if own) / has.sum()
    ours = CodewordLoss(words, "orthohash", 8.0, 0.2)(
        torch.from_numpy(v[:3].astype(np.float32)), torch.from_numpy(table)
    )
    assert ours.item() == pytest.approx(total / 3, rel=1e-5)


def test_csq_of_several_labels_is_cross_entropy_to_their_codewords_mean(outputs):
    v, _, words = outputs
    table = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [1, 1, 1, 0]], dtype=bool)
    total = 0.0
    for row, has in zip(v, table, strict=False):
        for value, bit in zip(row, (words[has].mean(axis=0) + 1) / 2, strict=True):
            p = (math.tanh(value) + 1) / 2
            total -= bit * math.log(p) + (1 - bit) * math.log(1 - p)
    ours = CodewordLoss(words, "csq", 8.0, 0.2)(
        torch.from_numpy(v[:3].astype(np.float32)), torch.from_numpy(table)
    )
    assert ours.item() == pytest.approx(total / v[:3].size, rel=1e-5)


def test_ten_thousand_classes_can_be_learned():
    rng = np.random.default_rng(0)
    labels = np.arange(20_000) % 10_000
    vectors = rng.standard_normal((10_000, 16))[labels]
    schedule = {"epochs": 1, "finish_epochs": 0}
    hasher = CodebookHasher(bits=64, hidden=0, schedule=schedule).fit(vectors, labels)
    assert hasher.codewords_.shape == (10_000, 64)
    assert hasher.min_distance_ >= 17


def test_more_classes_than_codes_are_refused():
    labels = np.arange(600) % 300
    with pytest.raises(ParameterError, match=r"300 classes .* 8 bits make only 256.* at least 16"):
        CodebookHasher(bits=8).fit(np.zeros((600, 4)), labels)


@pytest.mark.parametrize("bias", [True, False])
def test_a_folded_batch_norm_is_the_layers_in_evaluation_mode(bias):
    torch.manual_seed(0)
    layer, norm = torch.nn.Linear(6, 5, bias=bias), torch.nn.BatchNorm1d(5)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.normal_()
        for _ in range(5):
            norm(layer(3 + torch.randn(40, 6)))
    norm.eval()
    x = torch.randn(9, 6)
    weights, offset = fold_batch_norm(layer, norm)
    np.testing.assert_allclose(
        x.numpy() @ weights + offset, norm(layer(x)).detach().numpy(), atol=1e-5
    )


@pytest.fixture(scope="module")
def classes() -> tuple[np.ndarray, ...]:
    """Ten classes that differ where variance is small: principal directions say little of them."""
    rng = np.random.default_rng(1)
    y = np.arange(1500) % 10
    X = 1.3 * rng.standard_normal((10, 40))[y] + rng.standard_normal((1500, 40))
    X[:, :20] = 5 * rng.standard_normal((1500, 20))
    X = X.astype(np.float32)
    return X[:1000], y[:1000], X[1000:], y[1000:]


def precision_at_5(hasher, classes) -> float:
    X, y, queries, labels = classes
    codes = hasher.fit(X, y).transform(X)
    result = evaluate_codes(hasher.transform(queries), labels, codes, y, hasher.bits)
    return result.precision.expected


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("codebook", {"hidden": 64}),
        ("codebook", {"hidden": 64, "loss": "csq"}),
        ("codebook", {"hidden": 0}),
        ("dlbhc", {}),
    ],
)
def test_supervised_heads_are_well_ahead_of_itq(classes, name, params):
    head = create_hasher(name, 16, schedule={"epochs": 10, "batch_size": 64}, **params)
    assert precision_at_5(head, classes) > precision_at_5(create_hasher("itq", 16), classes) + 0.1


def test_dlbhc_minimizes_the_cross_entropy_of_a_softmax_over_sigmoids(monkeypatch):
    """The loss of a batch, recomputed from the layers' weights one sample after the other."""
    seen = []

    class Watched(heads.Training):
        def run(self, X, y):
            coder, classifier = self.network.coder, self.network.companion
            x, labels = torch.from_numpy(X[:6]), torch.from_numpy(y[:6])
            ((weight, term),) = self.terms(x, labels).values()
            total = 0.0
            for sample, label in zip(X[:6], y[:6], strict=True):
                bits = []
                for w, b in zip(coder.weight.tolist(), coder.bias.tolist(), strict=True):
                    z = sum(p * q for p, q in zip(w, sample.tolist(), strict=True)) + b
                    bits.append(1 / (1 + math.exp(-z)))
                logits = [
                    sum(p * q for p, q in zip(w, bits, strict=True)) + b
                    for w, b in zip(
                        classifier.weight.tolist(), classifier.bias.tolist(), strict=True
                    )
                ]
                total += math.log(sum(math.exp(z) for z in logits)) - logits[label]
            seen.append((weight * term.item(), total / 6))
            return super().run(X, y)

    monkeypatch.setattr(heads, "Training", Watched)
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 5)), np.arange(60) % 3
    hasher = create_hasher("dlbhc", 8, schedule={"epochs": 1, "batch_size": 8}).fit(X, y)
    ((ours, naive),) = seen
    assert ours == pytest.approx(naive, rel=1e-5)
    h = 1 / (1 + np.exp(-((X - hasher.mean_) @ hasher.weights_ + hasher.bias_)))
    assert np.array_equal(unpack(hasher.transform(X), 8), h >= 0.5)


def test_codes_of_training_vectors_are_mostly_their_codewords(classes):
    X, y, _, _ = classes
    hasher = CodebookHasher(bits=16, hidden=64, schedule={"epochs": 10, "batch_size": 64})
    bits = 2 * unpack(hasher.fit_transform(X, y), 16).astype(int) - 1
    distances = (bits[:, None] != hasher.codewords_[None]).sum(axis=2)
    assert (distances.argmin(axis=1) == y).mean() > 0.8
    assert hasher.min_distance_ == 8
