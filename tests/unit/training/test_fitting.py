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


def recorded(hasher, monkeypatch):
    """Record what a hasher is fitted on, without fitting it."""
    seen = {}
    monkeypatch.setattr(
        hasher, "fit", lambda X, y, **others: seen.update(others, X=X, y=y) or hasher
    )
    return seen


@pytest.mark.parametrize("protocol", ["standard", "unseen"])
def test_validation_images_of_the_trained_classes_are_what_is_chosen_by(
    data, protocol, monkeypatch
):
    given = replace(data, validation=described(40, 5))
    hasher = create_hasher("codebook", 16)
    seen = recorded(hasher, monkeypatch)
    model = train_model(given, hasher, protocol, seed=3)
    split = make_split(protocol, data.train.labels, data.test.labels, 3)
    trained = np.unique(data.train.labels[split.fit])
    chosen = np.isin(given.validation.labels, trained)
    assert chosen.sum() == (40 if protocol == "standard" else 30)
    rows = seen["validation"]
    np.testing.assert_array_equal(rows, len(split.fit) + np.arange(chosen.sum()))
    np.testing.assert_array_equal(seen["X"][rows], given.validation.vectors[chosen])
    np.testing.assert_array_equal(seen["X"][: rows[0]], data.train.vectors[split.fit])
    assert model.training.images == len(seen["y"])
    assert model.training.data_digest == data.train.digest


def test_methods_that_choose_nothing_learn_from_validation_images_too(data, monkeypatch):
    hasher = create_hasher("itq", 16)
    seen = recorded(hasher, monkeypatch)
    train_model(replace(data, validation=described(40, 5)), hasher)
    assert len(seen["X"]) == 440
    assert "validation" not in seen


@pytest.mark.torch
def test_the_epoch_is_chosen_by_the_rows_that_are_named(data):
    pytest.importorskip("torch")
    from hashlens.hashers.networks.loop import validation_split

    labels = data.train.labels
    validation, training = validation_split(labels, 0.1, 0, held_out=np.array([3, 5, 8]))
    assert sorted(validation.tolist()) == [3, 5, 8]
    assert sorted([*validation.tolist(), *training.tolist()]) == list(range(400))
    capped, training = validation_split(labels, 0.1, 0, most=2, held_out=np.array([3, 5, 8]))
    assert set(capped.tolist()) < {3, 5, 8}
    assert len(training) == 397
    # Labels of the last rows contradict all others: precision tells which rows are held out.
    swapped = labels.copy()
    swapped[-40:] = (swapped[-40:] + 1) % CLASSES
    hasher = create_hasher("codebook", 16, schedule={"epochs": 3})
    hasher.fit(data.train.vectors, swapped, validation=np.arange(360, 400))
    assert max(epoch.precision_at_5 for epoch in hasher.history_) < 0.3
    hasher.fit(data.train.vectors, swapped, validation=np.arange(40))
    assert max(epoch.precision_at_5 for epoch in hasher.history_) > 0.7


@pytest.mark.torch
@pytest.mark.parametrize("rows", [[400], [-1], [], [0.5]])
def test_rows_that_do_not_exist_are_refused(data, rows):
    pytest.importorskip("torch")
    with pytest.raises(DataError, match="rows of validation"):
        create_hasher("codebook", 16).fit(data.train.vectors, data.train.labels, validation=rows)
