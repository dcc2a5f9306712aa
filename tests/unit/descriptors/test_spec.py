"""What makes two descriptors the same, and what a damaged spec says."""

from dataclasses import replace

import pytest

from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.default import default_spec
from hashlens.errors import FormatError, ParameterError


def test_spec_survives_a_round_trip():
    spec = default_spec()
    assert DescriptorSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "0" * 64},
        {"input_size": 192},
        {"fit": "crop"},
        {"interpolation": "bilinear"},
        {"mean": (0.0, 0.0, 0.0)},
        {"normalization": "none"},
    ],
)
def test_digest_changes_with_all_that_decides_the_vectors(change):
    assert replace(default_spec(), **change).digest != default_spec().digest


def test_digest_is_the_same_under_another_name_and_license():
    renamed = replace(default_spec(), name="other", license="other", source="other")
    assert renamed.digest == default_spec().digest


def test_a_missing_field_is_named():
    values = default_spec().to_dict()
    del values["mean"]
    with pytest.raises(FormatError, match="Missing: mean"):
        DescriptorSpec.from_dict(values, "model.json")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("mean", 127, "three numbers"),
        ("mean", [127, 127], "three numbers"),
        ("mean", ["1", "2", "3"], "three numbers"),
        ("std", [1.0, 0.0, 1.0], "three numbers above 0"),
        ("std", [1.0, float("nan"), 1.0], "three numbers above 0"),
        ("dimension", "8", "a whole number from 1 to 1048576"),
        ("input_size", 0, "a whole number from 1 to 4096"),
    ],
)
def test_a_value_of_another_form_is_named(name, value, expected):
    values = default_spec().to_dict() | {name: value}
    with pytest.raises(FormatError, match=f"'{name}' .* in linear.json must be {expected}"):
        DescriptorSpec.from_dict(values, "linear.json")


def test_an_unknown_normalization_is_refused():
    with pytest.raises(ParameterError, match="normalization"):
        replace(default_spec(), normalization="l3")
