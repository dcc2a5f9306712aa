"""Models can be pickled, copied and put into sets, also after they were used."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from hashlens.model import load_model

PIXELS = list(np.random.default_rng(0).integers(0, 256, (2, 30, 40, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_a_copy_of_a_used_model_gives_the_same_codes(duplicate):
    model = load_model()
    codes = model.encode(PIXELS)
    again = duplicate(model)
    assert again.digest == model.digest
    np.testing.assert_array_equal(again.encode(PIXELS), codes)


def test_models_are_told_apart_by_identity():
    one, other = load_model(), load_model()
    assert one == one
    assert one != other
    assert len({one, other}) == 2


def test_a_network_that_could_not_be_loaded_again_is_kept():
    model = load_model()
    model.encode(PIXELS)
    model.spec = replace(model.spec, weights_sha256="0" * 64)  # not the bundled one
    assert copy.copy(model).descriptor is model.descriptor
