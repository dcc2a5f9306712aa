"""Training on a described data set: what a protocol lets it see, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest

from hashlens.datasets.described import DescribedDataset, DescribedImages
from hashlens.datasets.protocols import make_split
from hashlens.descriptors.default import default_spec
from hashlens.errors import DataError
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import create_hasher
from hashlens.training import train_model

CLASSES = 8


class NoNetwork:
    spec = default_spec()


def described(count: int, seed: int) -> DescribedImages:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    centers = np.random.default_rng(9).standard_normal((CLASSES, 1280))
    vectors = centers[labels] + 0.8 * rng.standard_normal((count, 1280))
    return DescribedImages(vectors.astype(np.float32), labels, [], f"digest {seed}")


@pytest.fixture(scope="module")
def data() -> DescribedDataset:
    names = tuple("abcdefgh")
    return DescribedDataset(described(400, 0), described(80, 1), names, "made", NoNetwork())


def test_figures_are_those_of_the_codes(data):
    model = train_model(data, create_hasher("itq", 32))
    figures = model.evaluate(data)
    expected = evaluate_codes(
        model.hasher.transform(data.test.vectors),
        data.test.labels,
        model.hasher.transform(data.train.vectors),
        data.train.labels,
        32,
    )
    assert figures["precision_at_5"] == expected.precision.expected
    assert (
        figures["precision_at_5_low"] <= figures["precision_at_5"] <= figures["precision_at_5_high"]
    )
    assert (figures["bits"], figures["protocol"]) == (32, "standard")


@pytest.mark.parametrize("protocol", ["standard", "heldout", "unseen"])
def test_the_hasher_sees_only_what_the_protocol_allows(data, protocol, monkeypatch):
    hasher = create_hasher("lsh", 16)
    seen = []
    fit = hasher.fit
    monkeypatch.setattr(hasher, "fit", lambda X, y: seen.append((X, y)) or fit(X, y))
    train_model(data, hasher, protocol, seed=3)
    split = make_split(protocol, data.train.labels, data.test.labels, 3)
    np.testing.assert_array_equal(seen[0][0], data.train.vectors[split.fit])
    np.testing.assert_array_equal(seen[0][1], data.train.labels[split.fit])


def test_a_model_that_saw_the_classes_is_not_evaluated_as_if_it_had_not(data):
    model = train_model(data, create_hasher("lsh", 16), "standard")
    with pytest.raises(DataError, match="would call images unseen that it has seen"):
        model.evaluate(data, "unseen")


def test_another_split_seed_is_refused_too(data):
    model = train_model(data, create_hasher("lsh", 16), "unseen", seed=1)
    assert model.evaluate(data, "unseen", split_seed=1)["protocol"] == "unseen"
    with pytest.raises(DataError, match="split seed 1"):
        model.evaluate(data, "unseen", split_seed=2)


def test_a_model_of_other_data_may_be_evaluated_by_any_protocol(data):
    model = train_model(data, create_hasher("lsh", 16))
    model.training = replace(model.training, data_digest="other data")
    assert model.evaluate(data, "heldout")["protocol"] == "heldout"
