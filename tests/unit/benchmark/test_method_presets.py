import pytest

from hashlens.benchmark.method_presets import PRESETS, choose_presets
from hashlens.errors import ParameterError
from hashlens.hashers import METHODS, hasher_class


def test_every_method_has_a_default_preset():
    assert {p.method for p in PRESETS if p.preset == "default"} == set(METHODS)
    assert len({p.label for p in PRESETS}) == len(PRESETS)


def test_presets_keep_the_order_of_tables():
    order = [list(METHODS).index(p.method) for p in PRESETS]
    assert order == sorted(order)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.label)
def test_presets_name_parameters_that_their_method_has(preset):
    known = hasher_class(preset.method)().get_params()
    for params in (preset.fixed, *preset.candidates):
        assert params.keys() <= known.keys() - {"bits", "random_state"}


def test_candidates_differ_from_the_default():
    for preset in PRESETS:
        defaults = {**hasher_class(preset.method)().get_params(), **preset.fixed}
        for params in preset.candidates:
            assert any(defaults[name] != value for name, value in params.items())


def test_methods_by_name_label_or_all():
    assert choose_presets(["all"]) == PRESETS
    assert [p.method for p in choose_presets(["sph", "lsh"])] == ["lsh", "sph"]


@pytest.mark.parametrize("names", [["itk"], [], ["lsh", "best"]])
def test_unknown_methods_are_named_with_the_known_ones(names):
    with pytest.raises(ParameterError, match=r"Expected 'all' or some of: .*itq"):
        choose_presets(names)
