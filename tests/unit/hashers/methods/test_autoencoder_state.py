"""The state of an autoencoder is read with its trunk joined or not, and refused in other shapes."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.errors import FormatError
from hashlens.hashers import hasher_class

D, H, K = 12, 6, 16


def state_of(rows: int) -> dict[str, np.ndarray]:
    shapes = {
        "descriptor_weights_": (D, H),
        "descriptor_bias_": (H,),
        "code_weights_": (rows, K),
        "code_bias_": (K,),
    }
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("rows", [H, H + D])
def test_a_state_is_read_with_the_trunk_joined_or_not(rows):
    hasher = hasher_class("autoencoder").from_state(state_of(rows), {"bits": K})
    assert hasher.transform(np.ones((3, D), np.float32)).shape == (3, K // 8)


@pytest.mark.parametrize("rows", [D, H + 1, H + D + 1])
def test_a_state_of_another_number_of_rows_is_refused(rows):
    with pytest.raises(FormatError, match="must have 6 or 18 rows"):
        hasher_class("autoencoder").from_state(state_of(rows), {"bits": K})
