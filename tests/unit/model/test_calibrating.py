"""Calibration pairs only images that the model did not train on."""

from dataclasses import replace

import numpy as np
import pytest

from hashlens.datasets.described import DescribedDataset, DescribedImages
from hashlens.datasets.protocols import make_split
from hashlens.descriptors.default import default_spec
from hashlens.errors import DataError
from hashlens.hashers import create_hasher
from hashlens.training import train_model


class NoNetwork:
    spec = default_spec()


def described(count: int, seed: int) -> DescribedImages:
    labels = np.arange(count) % 8
    centers = np.random.default_rng(9).standard_normal((8, 24))
    vectors = centers[labels] + np.random.default_rng(seed).standard_normal((count, 24))
    return DescribedImages(vectors.astype(np.float32), labels, [], f"digest {seed}")


@pytest.fixture(scope="module")
def data() -> DescribedDataset:
    return DescribedDataset(described(160, 0), described(40, 1), (*"abcdefgh",), "a", NoNetwork())


@pytest.mark.parametrize("protocol", ["standard", "heldout", "unseen"])
def test_only_images_kept_from_training_are_paired(data, protocol):
    model = train_model(data, create_hasher("lsh", 16), protocol, seed=3)
    pairs = model.calibrate(data).pairs
    split = make_split(protocol, data.train.labels, data.test.labels, 3)
    if protocol == "standard":
        assert (pairs.queries, pairs.database, pairs.same_images) == (40, 40, True)
    else:
        assert (pairs.queries, pairs.database) == (len(split.query), len(split.database))


def test_changed_data_of_the_training_are_refused(data):
    model = train_model(data, create_hasher("lsh", 16))
    model.training = replace(model.training, data_digest="before")
    with pytest.raises(DataError, match="changed since"):
        model.calibrate(data)


def test_lengths_are_fitted_and_compared_where_asked(data):
    model = train_model(data, create_hasher("lsh", 16), "heldout")
    told = []
    found = model.calibrate(data, lengths=[64, 8], on_length=told.append)
    assert told == [length.bits for length in found.lengths] == [8, 64]
    assert found.lengths[1].enough
    assert not found.lengths[0].enough
