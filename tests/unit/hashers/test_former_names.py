"""Names that hashers had in models saved by earlier versions."""

import numpy as np
import pytest

from hashlens.errors import FormatError
from hashlens.hashers import METHODS, create_hasher, hasher_class

STORED = {
    "lsh": ["mean_", "weights_"],
    "pcah": ["mean_", "weights_"],
    "pca-rr": ["mean_", "weights_"],
    "itq": ["mean_", "weights_"],
    "sh": ["mean_", "weights_", "lows_", "frequencies_"],
    "sph": ["mean_", "pivots_", "squared_radii_"],
    "kmh": ["mean_", "centres_"],
    "splh": ["mean_", "weights_"],
    "bre": ["mean_", "weights_"],
    "dh": [
        "mean_", "first_weights_", "first_bias_", "second_weights_", "second_bias_",
        "code_weights_", "code_bias_",
    ],
    "dlbhc": ["mean_", "weights_", "bias_"],
    "autoencoder": ["descriptor_weights_", "descriptor_bias_", "code_weights_", "code_bias_"],
    "codebook": ["mean_", "hidden_weights_", "hidden_bias_", "code_weights_", "code_bias_"],
}  # fmt: skip
STORED["sdh"] = STORED["dh"]


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).standard_normal((60, 24)).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_stored_names_of_arrays_never_change(method):
    """They are part of a model's digest."""
    kind = hasher_class(method)
    assert [kind.stored_names.get(name, name) for name in kind.learned] == STORED[method]


def test_kmh_is_stored_under_the_former_name_of_its_centers(vectors):
    hasher = create_hasher("kmh", 8, iterations=2).fit(vectors)
    state = hasher.state()
    assert list(state) == ["mean_", "centres_"]
    twin = hasher_class("kmh").from_state(state, hasher.get_params())
    np.testing.assert_array_equal(twin.centers_, hasher.centers_)
    np.testing.assert_array_equal(twin.transform(vectors), hasher.transform(vectors))
    with pytest.raises(FormatError, match="no array 'centres_'"):
        hasher_class("kmh").from_state({"mean_": state["mean_"], "centers_": state["centres_"]})


def test_a_former_parameter_is_read_as_the_present_one(vectors):
    state = create_hasher("splh", 8).fit(vectors, np.arange(60) % 3).state()
    hasher = hasher_class("splh").from_state(state, {"bits": 8, "labelled": 1234})
    assert hasher.labeled == 1234
    assert "labelled" not in hasher.get_params()


def test_a_former_field_of_the_autoencoder_is_read_as_the_present_one():
    shapes = {"weights": (8, 8), "bias": (8,)}
    arrays = {
        name: np.zeros(shapes[name.split("_")[1]], np.float32) for name in STORED["autoencoder"]
    }
    params = {"bits": 8, "preset": "default", "terms": {"quantisation": 0.25, "nll": 2.0}}
    hasher = hasher_class("autoencoder").from_state(arrays, params)
    assert hasher.terms == {"quantization": 0.25, "nll": 2.0}
    assert hasher.configuration()["terms"]["quantization"] == 0.25


def test_a_parameter_that_no_version_has_is_refused(vectors):
    state = create_hasher("lsh", 8).fit(vectors).state()
    with pytest.raises(FormatError, match="LSH has no parameter 'widths'"):
        hasher_class("lsh").from_state(state, {"bits": 8, "widths": 3})
