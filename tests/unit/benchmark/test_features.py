import numpy as np
import pytest

from hashlens.benchmark import Features
from hashlens.errors import DataError

GOOD = ([[3.0, 4.0], [0.0, 0.0]], [0, 1], [[1.0, 1.0]], [0])


def test_digest_tells_other_features_apart():
    first = Features(*GOOD)
    assert first.digest == Features(*GOOD).digest
    changes = [
        ([[3.0, 4.1], [0.0, 0.0]], *GOOD[1:]),
        (GOOD[0], [0, 2], *GOOD[2:]),
        (*GOOD[:3], [1]),
    ]
    assert len({first.digest, *(Features(*c).digest for c in changes)}) == 4


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
        Features(*arguments)
