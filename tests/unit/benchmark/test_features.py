import numpy as np
import pytest

from hashlens.benchmark import Features
from hashlens.errors import DataError

GOOD = ([[3.0, 4.0], [0.0, 0.0]], [0, 1], [[1.0, 1.0]], [0])


def test_unit_length_keeps_zero_vectors_finite():
    features = Features.unit_length(*GOOD, descriptor={"backbone": "none"})
    np.testing.assert_allclose(features.train_vectors, [[0.6, 0.8], [0, 0]], rtol=1e-6)
    assert features.descriptor == {"backbone": "none", "normalization": "unit L2 length"}


def test_digest_tells_other_features_apart():
    first = Features.unit_length(*GOOD)
    assert first.digest == Features.unit_length(*GOOD).digest
    changes = [
        ([[3.0, 4.1], [0.0, 0.0]], *GOOD[1:]),
        (GOOD[0], [0, 2], *GOOD[2:]),
        (*GOOD[:3], [1]),
    ]
    assert len({first.digest, *(Features.unit_length(*c).digest for c in changes)}) == 4


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, [[np.nan, 1.0], [1.0, 1.0]], "train vectors .* NaN"),
        (1, [0], "train vectors of shape"),
        (1, [0.0, 1.0], "integer train labels"),
        (2, [[1.0, 1.0, 1.0]], "2 dimensions"),
        (3, [], "test vectors of shape"),
    ],
)
def test_features_that_do_not_fit(place, value, message):
    arguments = list(GOOD)
    arguments[place] = value
    with pytest.raises(DataError, match=message):
        Features.unit_length(*arguments)
