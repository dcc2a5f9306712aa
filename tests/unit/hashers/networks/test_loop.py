"""How often images of large and of small classes are shown in an epoch."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hashlens.errors import ParameterError
from hashlens.hashers import create_hasher
from hashlens.hashers.networks.loop import epoch_order, sampling_weights

pytestmark = pytest.mark.torch

LABELS = np.repeat([0, 1, 2], [640, 80, 10])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("labels", "balance"), [(np.arange(60) % 3, 0.75), (LABELS, 0.0)])
def test_classes_of_one_size_are_shuffled_as_without_weights(labels, balance):
    assert sampling_weights(labels, balance) is None
    rows = torch.arange(len(labels))
    expected = rows[torch.randperm(len(rows), generator=generator())]
    assert torch.equal(epoch_order(rows, None, generator()), expected)


@pytest.mark.parametrize("balance", [0.5, 0.75, 1.0])
def test_every_image_comes_as_often_as_its_weight_says(balance):
    weights = sampling_weights(LABELS, balance)
    rows = torch.arange(len(LABELS))
    expected = weights / weights.sum() * len(rows)
    draws = [epoch_order(rows, weights, generator(seed)) for seed in range(200)]
    counts = torch.stack([torch.bincount(draw, minlength=len(rows)) for draw in draws])
    assert (counts.sum(dim=1) == len(rows)).all()
    assert (counts >= expected.floor()).all()
    assert (counts <= expected.ceil()).all()
    torch.testing.assert_close(counts.double().mean(dim=0), expected, rtol=0, atol=0.2)
    shares = torch.stack([counts[:, c == LABELS].sum() for c in range(3)]) / counts.sum()
    sizes = np.array([640, 80, 10.0]) ** (1 - balance)
    np.testing.assert_allclose(shares, sizes / sizes.sum(), atol=0.01)


def test_only_rows_of_the_training_part_are_drawn():
    weights = sampling_weights(LABELS, 1.0)
    rows = torch.arange(0, len(LABELS), 3)
    drawn = epoch_order(rows, weights, generator())
    assert len(drawn) == len(rows)
    assert set(drawn.tolist()) <= set(rows.tolist())


def test_of_several_labels_the_rarest_counts():
    table = np.zeros((10, 2), bool)
    table[:, 0] = True
    table[7:, 1] = True
    weights = sampling_weights(table, 1.0)
    torch.testing.assert_close(weights, torch.tensor([1 / 10] * 7 + [1 / 3] * 3).double())


def test_balance_is_a_field_of_the_schedule():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((len(LABELS), 8)) + 3 * np.eye(8)[LABELS]

    def fitted(balance):
        schedule = {"epochs": 1, "batch_size": 64, "balance": balance}
        return create_hasher("codebook", 16, hidden=0, schedule=schedule).fit(vectors, LABELS)

    assert (fitted(0.0).code_weights_ != fitted(1.0).code_weights_).any()
    with pytest.raises(ParameterError, match=r"'balance' field of Schedule must be in \[0, 1\]"):
        fitted(1.5)
