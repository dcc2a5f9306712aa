"""The contract of `hashlens.hashers.base.Hasher`, held by every method."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from document import run_python
from method_cases import each_method

import hashlens.hashers
from hashlens.codes import unpack
from hashlens.errors import DataError, FormatError, NotFittedError, ParameterError
from hashlens.hashers import METHODS, Hasher, create_hasher, hasher_class
from hashlens.hashers.inputs import TAKE_SEVERAL_LABELS

DIMENSIONS = 48
CLASSES = 5
BITS = 16

SMALL: dict[str, dict[str, Any]] = {
    "kmh": {"iterations": 10},
    "splh": {"labeled": 100},
    "dh": {"epochs": 5},
    "sdh": {"epochs": 5},
    "dlbhc": {"schedule": {"epochs": 4, "batch_size": 32}},
    "autoencoder": {
        "architecture": {"descriptor_units": 32},
        "schedule": {"epochs": 4, "batch_size": 32},
    },
    "codebook": {
        "hidden": 32,
        "codewords": "random",
        "schedule": {"epochs": 4, "batch_size": 32},
    },
    "bre": {"samples": 120, "anchors": 5, "sweeps": 2},
}
"""Parameters that keep a fit on the small data under about a second."""

NEEDS_BITS_DIMENSIONS = {"pcah", "pca-rr", "itq", "kmh"}
"""Methods that spend an orthogonal direction on every bit; others take bits > dimensions."""
NEEDS_BITS_SAMPLES = {"pcah", "pca-rr", "itq", "kmh"}
"""Methods that refuse fewer training vectors than bits."""

SUPERVISED = [name for name in METHODS if hasher_class(name).supervised]
SEVERAL_LABELS = [name for name in METHODS if hasher_class(name).several_labels]


def make_data(n: int = 240, dimensions: int = DIMENSIONS, seed: int = 0):
    """Return clustered, non-negative vectors with labels: the shape of pooled CNN features."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centers = 2 * rng.random((CLASSES, dimensions))
    vectors = np.abs(centers[labels] + 0.5 * rng.standard_normal((n, dimensions)))
    return vectors.astype(np.float32), labels.astype(np.int64)


X, Y = make_data()
QUERIES, _ = make_data(40, seed=1)


def make(name: str, bits: int = BITS, **params: Any) -> Hasher:
    return create_hasher(name, bits, **{**SMALL.get(name, {}), **params})


@pytest.fixture(scope="module", params=each_method())
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def fitted(name: str) -> Hasher:
    return make(name).fit(X, Y)


# Parameters


def test_init_only_stores_its_keyword_arguments(name):
    sentinels = {key: object() for key in inspect.signature(hasher_class(name)).parameters}
    hasher = hasher_class(name)(**sentinels)
    assert vars(hasher) == sentinels


def test_parameters_round_trip_through_json_and_clone(name):
    hasher = make(name)
    params = json.loads(json.dumps(hasher.get_params()))
    twin = hasher_class(name)(**params)
    assert twin.get_params() == hasher.get_params()
    assert repr(twin) == repr(hasher)
    assert "bits" in params


def test_scikit_learn_clones_it(name):
    base = pytest.importorskip("sklearn.base")
    hasher = make(name)
    twin = base.clone(hasher)
    assert twin is not hasher
    assert twin.get_params() == hasher.get_params()


def test_unknown_parameter_is_refused(name):
    with pytest.raises(ParameterError, match="has no parameter 'bit'"):
        make(name).set_params(bit=8)


@pytest.mark.parametrize("bits", [0, -8, 12, 520, 16.0, "16", True, None])
def test_bits_that_are_no_code_length_are_refused_at_fit(name, bits):
    with pytest.raises(ParameterError, match="'bits' parameter"):
        make(name, bits).fit(X, Y)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", True])
def test_a_random_state_that_is_no_seed_is_refused_at_fit(name, seed):
    if "random_state" not in hasher_class(name)().get_params():
        pytest.skip("the method draws nothing")
    with pytest.raises(ParameterError, match="'random_state' parameter"):
        make(name, random_state=seed).fit(X, Y)


# Fitting


def test_fit_returns_self_and_shapes_are_as_promised(name):
    hasher = make(name)
    assert hasher.fit(X, Y) is hasher
    assert hasher.n_features_in_ == DIMENSIONS
    projected, codes = hasher.project(QUERIES), hasher.transform(QUERIES)
    assert (projected.shape, projected.dtype) == ((40, BITS), np.float32)
    assert (codes.shape, codes.dtype) == ((40, BITS // 8), np.uint8)
    assert np.isfinite(projected).all()


def test_bits_are_the_signs_of_the_projection(fitted):
    expected = (fitted.project(QUERIES) > 0).astype(np.uint8)
    np.testing.assert_array_equal(unpack(fitted.transform(QUERIES), BITS), expected)


def test_codes_tell_the_clusters_apart(fitted):
    """The least that any hash must do: closer within the very separate clusters than across."""
    bits = unpack(fitted.transform(X), BITS).astype(np.int32)
    distances = (bits[:, None] != bits[None]).sum(axis=2)
    same = Y[:, None] == Y[None]
    assert distances[same].mean() < 0.8 * distances[~same].mean()


def test_input_is_not_changed_nor_kept(name):
    vectors, labels, queries = X.copy(), Y.copy(), QUERIES.copy()
    hasher = make(name).fit(vectors, labels)
    before = hasher.transform(queries)
    np.testing.assert_array_equal(vectors, X)
    np.testing.assert_array_equal(labels, Y)
    np.testing.assert_array_equal(queries, QUERIES)
    vectors[:] = 7.0
    np.testing.assert_array_equal(hasher.transform(queries), before)


def test_read_only_input_is_enough(name, fitted):
    vectors, labels = X.copy(), Y.copy()
    vectors.flags.writeable = labels.flags.writeable = False
    codes = make(name).fit(vectors, labels).transform(vectors)
    np.testing.assert_array_equal(codes, fitted.transform(X))


@pytest.mark.parametrize("form", ["float64", "fortran", "strided", "list"])
def test_layout_and_precision_of_the_input_do_not_matter(name, fitted, form):
    forms = {
        "float64": X.astype(np.float64),
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=0)[::2],
        "list": X.tolist(),
    }
    hasher = make(name).fit(forms[form], Y)
    np.testing.assert_array_equal(hasher.transform(QUERIES), fitted.transform(QUERIES))


def test_fit_forgets_the_fit_before(name, fitted):
    other, labels = make_data(120, dimensions=DIMENSIONS + 3, seed=5)
    hasher = make(name).fit(other, labels)
    hasher.fit(X, Y)
    assert hasher.n_features_in_ == DIMENSIONS
    np.testing.assert_array_equal(hasher.transform(QUERIES), fitted.transform(QUERIES))
    assert {key for key in vars(hasher) if key.endswith("_")} == {
        key for key in vars(fitted) if key.endswith("_")
    }


def test_same_random_state_gives_the_same_state(name, fitted):
    again = make(name).fit(X, Y).state()
    for key, array in fitted.state().items():
        np.testing.assert_array_equal(again[key], array)


def test_another_random_state_gives_another_state(name):
    if "random_state" not in hasher_class(name)().get_params():
        pytest.skip("the method draws nothing")
    states = [make(name, random_state=seed).fit(X, Y).state() for seed in (0, 1)]
    assert any((states[0][key] != states[1][key]).any() for key in states[0])


def test_global_random_state_is_left_alone(name):
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    make(name).fit(X, Y)
    assert np.random.random() == expected  # noqa: NPY002


# Codes


def test_a_batch_gives_the_same_codes_as_its_vectors_one_by_one(fitted):
    many, _ = make_data(300, seed=9)
    singly = np.concatenate([fitted.transform(row[None]) for row in many])
    np.testing.assert_array_equal(fitted.transform(many), singly)


def test_no_vectors_give_no_codes(fitted):
    assert fitted.transform(np.empty((0, DIMENSIONS), np.float32)).shape == (0, BITS // 8)


def test_fit_transform_is_fit_then_transform(name, fitted):
    np.testing.assert_array_equal(make(name).fit_transform(X, Y), fitted.transform(X))


@pytest.mark.parametrize("bits", [8, 24, 40])
def test_code_lengths_that_are_no_power_of_two(name, bits):
    codes = make(name, bits).fit(X, Y).transform(QUERIES)
    assert codes.shape == (40, bits // 8)


# State


def test_state_and_parameters_are_the_whole_hasher(name, fitted):
    twin = hasher_class(name).from_state(fitted.state(), fitted.get_params())
    assert twin.n_features_in_ == fitted.n_features_in_
    np.testing.assert_array_equal(twin.project(QUERIES), fitted.project(QUERIES))
    np.testing.assert_array_equal(twin.transform(QUERIES), fitted.transform(QUERIES))


def test_state_survives_a_file_without_pickle(name, fitted, tmp_path):
    np.savez(tmp_path / "hasher.npz", **fitted.state())
    with np.load(tmp_path / "hasher.npz", allow_pickle=False) as state:
        twin = hasher_class(name).from_state(dict(state), fitted.get_params())
    np.testing.assert_array_equal(twin.transform(QUERIES), fitted.transform(QUERIES))


def test_state_that_lacks_an_array_is_refused(name, fitted):
    state = fitted.state()
    del state[hasher_class(name).learned[0]]
    with pytest.raises(FormatError, match="holds no array"):
        hasher_class(name).from_state(state, fitted.get_params())


# Bad input


def test_unfitted_hasher_says_so(name):
    for call in (lambda h: h.project(QUERIES), lambda h: h.transform(QUERIES), lambda h: h.state()):
        with pytest.raises(NotFittedError, match="not fitted"):
            call(make(name))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(name, fitted, bad):
    vectors = X.copy()
    vectors[3, 5] = bad
    with pytest.raises(DataError, match="1 of 240 vectors hold NaN or infinity"):
        make(name).fit(vectors, Y)
    with pytest.raises(DataError, match="NaN or infinity"):
        fitted.transform(vectors)


@pytest.mark.parametrize("shape", [(DIMENSIONS,), (2, DIMENSIONS, 1), (4, 0)])
def test_arrays_that_are_no_rows_of_vectors_are_refused(name, fitted, shape):
    with pytest.raises(DataError, match="shape"):
        make(name).fit(np.zeros(shape), np.zeros(shape[0], int))
    with pytest.raises(DataError, match="shape"):
        fitted.transform(np.zeros(shape))


def test_vectors_of_another_width_are_refused(fitted):
    with pytest.raises(DataError, match=f"expecting {DIMENSIONS} features"):
        fitted.transform(np.zeros((2, DIMENSIONS + 1)))


def test_one_training_vector_is_too_few(name):
    with pytest.raises(DataError, match="at least 2 training vectors"):
        make(name).fit(X[:1], Y[:1])


def test_fewer_samples_than_bits(name):
    vectors, labels = make_data(12)
    if name in NEEDS_BITS_SAMPLES:
        with pytest.raises(DataError, match=r"needs at least .* training vectors .* Got 12"):
            make(name).fit(vectors, labels)
    else:
        assert make(name).fit(vectors, labels).transform(vectors).shape == (12, BITS // 8)


def test_more_bits_than_dimensions(name):
    vectors, labels = make_data(dimensions=10)
    if name in NEEDS_BITS_DIMENSIONS:
        with pytest.raises(DataError, match=r"16 bits need vectors of at least 16 dimensions"):
            make(name).fit(vectors, labels)
    else:
        assert make(name).fit(vectors, labels).transform(vectors).shape == (240, BITS // 8)


def test_constant_features_change_nothing_but_cost_no_error(name):
    vectors, labels = make_data()
    vectors[:, ::2] = 3.0
    hasher = make(name).fit(vectors, labels)
    assert np.isfinite(hasher.project(vectors)).all()
    assert len(np.unique(hasher.transform(vectors), axis=0)) > 1


def test_vectors_that_are_all_the_same_get_one_code(name):
    vectors = np.tile(X[:1], (len(Y), 1))
    hasher = make(name).fit(vectors, Y)
    assert np.isfinite(hasher.project(vectors)).all()
    assert len(np.unique(hasher.transform(vectors), axis=0)) == 1


# Labels


@pytest.mark.parametrize("name", each_method(SUPERVISED))
def test_supervised_methods_say_what_is_wrong_with_labels(name):
    with pytest.raises(DataError, match=r"learns from labels: fit\(X, y\) needs a label"):
        make(name).fit(X)
    with pytest.raises(DataError, match="at least 2 classes"):
        make(name).fit(X, np.zeros(len(X), int))
    with pytest.raises(DataError, match="expects 240 labels"):
        make(name).fit(X, Y[:-1])
    with pytest.raises(DataError, match="integer labels"):
        make(name).fit(X, Y + 0.5)


@pytest.mark.parametrize("name", each_method(SUPERVISED))
def test_only_the_partition_of_labels_matters_not_their_numbers(name):
    codes = make(name).fit(X, Y).transform(QUERIES)
    np.testing.assert_array_equal(make(name).fit(X, 10 * Y - 7).transform(QUERIES), codes)


@pytest.mark.parametrize("name", each_method(m for m in METHODS if m not in SUPERVISED))
def test_unsupervised_methods_ignore_labels(name):
    np.testing.assert_array_equal(
        make(name).fit(X).transform(QUERIES), make(name).fit(X, Y).transform(QUERIES)
    )


SEVERAL = np.eye(CLASSES, dtype=bool)[Y]
SEVERAL[::4, 0] = True
"""A table of labels: every fourth vector is of the first class too."""


@pytest.mark.parametrize("name", each_method(SEVERAL_LABELS))
def test_methods_of_several_labels_take_a_table_of_them(name):
    one_each = np.eye(CLASSES, dtype=bool)[Y]
    codes = make(name).fit(X, Y).transform(QUERIES)
    as_table = make(name).fit(X, one_each.astype(int)).transform(QUERIES)
    # The same sums in another order of rounding: a bit may differ here and there.
    assert (unpack(as_table, BITS) != unpack(codes, BITS)).mean() < 0.02
    assert (make(name).fit(X, SEVERAL).transform(QUERIES) != codes).any()
    unused = np.insert(SEVERAL, 2, False, axis=1)
    np.testing.assert_array_equal(
        make(name).fit(X, unused).transform(QUERIES), make(name).fit(X, SEVERAL).transform(QUERIES)
    )


@pytest.mark.parametrize("name", each_method(SEVERAL_LABELS))
def test_tables_that_are_no_labels_are_refused(name):
    without = SEVERAL.copy()
    without[3] = False
    with pytest.raises(DataError, match="1 of 240 images have none"):
        make(name).fit(X, without)
    with pytest.raises(DataError, match="only 0 and 1"):
        make(name).fit(X, 2 * SEVERAL.astype(int))
    with pytest.raises(DataError, match="at least 2 classes"):
        make(name).fit(X, np.ones((len(X), 1), int))
    with pytest.raises(DataError, match="expects 240 labels"):
        make(name).fit(X, SEVERAL[:-1])


@pytest.mark.parametrize(
    ("name", "params"),
    [
        pytest.param("sdh", {}, marks=pytest.mark.torch),
        ("splh", {}),
        ("bre", {"use_labels": True}),
    ],
)
def test_methods_of_one_label_name_those_that_take_several(name, params):
    with pytest.raises(
        DataError, match=r"one label per vector.* are: dlbhc, autoencoder, codebook"
    ):
        make(name, **params).fit(X, SEVERAL)


def test_the_message_names_all_methods_that_take_several_labels():
    able = [name for name in METHODS if hasher_class(name).several_labels]
    assert tuple(able) == TAKE_SEVERAL_LABELS


# Registry


def test_every_method_is_known_by_its_name():
    for method in METHODS:
        assert hasher_class(method).name == method


def test_every_class_can_be_imported_from_the_package():
    for method in METHODS:
        assert getattr(hashlens.hashers, hasher_class(method).__name__) is hasher_class(method)
    with pytest.raises(AttributeError, match="NoSuchHasher"):
        hashlens.hashers.NoSuchHasher  # noqa: B018


def test_the_package_names_every_class_that_the_registry_has():
    classes = {class_name for _, class_name in METHODS.values()}
    assert classes == set(hashlens.hashers.__all__) - {
        "METHODS",
        "Hasher",
        "create_hasher",
        "hasher_class",
    }


def test_an_unknown_method_is_answered_with_the_nearest_name():
    with pytest.raises(ParameterError, match=r"method 'pca-r', did you mean 'pca-rr'\?"):
        create_hasher("pca-r", 64)
    with pytest.raises(ParameterError, match=r"Unknown method 'zzz'\. The methods are: lsh"):
        hasher_class("zzz")


def test_importing_every_hasher_loads_no_optional_package():
    code = (
        "import sys; from hashlens.hashers import METHODS, hasher_class\n"
        "for name in METHODS: hasher_class(name)\n"
        "print(sorted({'torch', 'scipy', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# Documentation


DOCS = Path(__file__).parents[2] / "docs"


def test_every_method_has_a_page():
    index = (DOCS / "methods" / "README.md").read_text()
    pages = dict(re.findall(r"\[`([\w-]+)`\]\(([\w-]+\.md)\)", index))
    assert set(pages) == set(METHODS)
    for page in pages.values():
        assert "**Source" in (DOCS / "methods" / page).read_text(), page


def test_every_parameter_is_on_its_page():
    index = (DOCS / "methods" / "README.md").read_text()
    pages = dict(re.findall(r"\[`([\w-]+)`\]\(([\w-]+\.md)\)", index))
    for method in METHODS:
        text = (DOCS / "methods" / pages[method]).read_text()
        for parameter in hasher_class(method)().get_params():
            assert f"`{parameter}`" in text, (method, parameter)


def test_the_hasher_of_the_guide_works():
    median_hashing = run_python(DOCS / "adding-a-hasher.md").MedianHashing
    hasher = median_hashing(bits=16).fit(X)
    bits = unpack(hasher.transform(X), 16)
    np.testing.assert_allclose(bits.mean(axis=0), 0.5, atol=0.01)
    twin = median_hashing.from_state(hasher.state(), hasher.get_params())
    np.testing.assert_array_equal(twin.transform(QUERIES), hasher.transform(QUERIES))


def test_arrays_of_other_shapes_or_kinds_are_refused(fitted, name):
    def loads(**changes):
        hasher_class(name).from_state({**fitted.state(), **changes}, fitted.get_params())

    loads()
    for stored, array in fitted.state().items():
        for other in (
            np.concatenate([array, array], axis=-1) if array.size else np.zeros(3, np.float32),
            array[None],
            np.full_like(array, np.nan) if array.size else np.array(["a"]),
            array.astype(str),
        ):
            with pytest.raises(FormatError):
                loads(**{stored: other})
