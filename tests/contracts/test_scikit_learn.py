"""Every hasher is a scikit-learn transformer: its own checks, and the tools that people use."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from method_cases import each_method

from hashlens.codes import unpack
from hashlens.errors import DataError
from hashlens.hashers import METHODS, Hasher, create_hasher, hasher_class

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.validation import check_is_fitted

SMALL: dict[str, dict[str, Any]] = {
    "sph": {"max_iterations": 10},
    "kmh": {"bits_per_subspace": 2, "iterations": 3},
    "bre": {"sweeps": 1, "anchors": 5},
    "dh": {"epochs": 2},
    "sdh": {"epochs": 2},
    "dlbhc": {"schedule": {"epochs": 2}},
    "autoencoder": {"architecture": {"descriptor_units": 16}, "schedule": {"epochs": 2}},
    "codebook": {"hidden": 16, "codewords": "random", "schedule": {"epochs": 2}},
}
"""Parameters that keep a fit under about a tenth of a second."""

BITS = 8
"""The shortest code. All but the four methods below take the default of 64 as well."""

ONE_DIRECTION_PER_BIT = {"pcah", "pca-rr", "itq", "kmh"}
"""Methods that refuse vectors of fewer dimensions than bits, as most data of the checks is."""

EXPECTED_FAILURES: dict[str, dict[str, str]] = {}
"""Method → check → reason. There are none."""


def make(name: str, bits: int = BITS, **params: Any) -> Hasher:
    return create_hasher(name, bits, **{**SMALL.get(name, {}), **params})


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    centers = 3 * rng.standard_normal((3, 12))
    return (centers[y] + rng.standard_normal((90, 12))).astype(np.float32), y


@pytest.fixture
def wide_check_data(monkeypatch):
    """Append columns to the data of the checks, where they adapt it to what an estimator takes."""
    adapt = estimator_checks._enforce_estimator_tags_X

    def widened(estimator, X, *args, **kwargs):
        X = adapt(estimator, X, *args, **kwargs)
        columns = np.random.default_rng(0).standard_normal((len(X), BITS))
        return np.hstack([X, columns.astype(X.dtype)])

    monkeypatch.setattr(estimator_checks, "_enforce_estimator_tags_X", widened)


def failures_of(hasher: Hasher) -> list[str]:
    results = estimator_checks.check_estimator(
        hasher,
        expected_failed_checks=EXPECTED_FAILURES.get(hasher.name),
        on_fail=None,
        on_skip=None,
    )
    assert len(results) > 40
    assert {r["check_name"] for r in results if r["status"] == "skipped"} <= {
        "check_array_api_input"  # needs an environment variable at the start of Python
    }
    return [
        f"{r['check_name']}: {type(r['exception']).__name__}: {r['exception']}"
        for r in results
        if r["status"] == "failed"
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", each_method(m for m in METHODS if m not in ONE_DIRECTION_PER_BIT))
def test_the_checks_of_scikit_learn_pass(name):
    assert failures_of(make(name)) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("wide_check_data")
@pytest.mark.parametrize("name", sorted(ONE_DIRECTION_PER_BIT))
def test_the_checks_pass_on_vectors_of_enough_dimensions(name):
    assert failures_of(make(name)) == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lsh", "sh", "splh"])
def test_the_checks_pass_with_the_default_constructor(name):
    assert failures_of(hasher_class(name)()) == []


@pytest.mark.parametrize("name", each_method())
def test_tags_say_whether_labels_are_needed(name):
    tags = get_tags(make(name))
    assert tags.target_tags.required == hasher_class(name).supervised
    assert tags.target_tags.two_d_labels == hasher_class(name).several_labels
    assert tags.transformer_tags is not None


def test_tags_follow_the_parameters():
    assert get_tags(create_hasher("bre", use_labels=True)).target_tags.required
    assert get_tags(create_hasher("lsh", random_state=None)).non_deterministic
    assert not get_tags(create_hasher("lsh")).non_deterministic


@pytest.mark.parametrize("name", each_method())
def test_a_pipeline_gives_the_codes_of_its_steps(name, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), make(name)).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_array_equal(
        pipeline.transform(X), make(name).fit(scaled, y).transform(scaled)
    )
    assert repr(clone(pipeline)) == repr(pipeline)
    assert len(pipeline.get_feature_names_out()) == 1
    assert isinstance(pipeline._repr_html_(), str)


@pytest.mark.parametrize("name", each_method())
def test_clones_pickles_and_copies_are_as_good(name, data):
    X, y = data
    hasher = make(name).fit(X, y)
    codes = hasher.transform(X)
    for twin in (
        pickle.loads(pickle.dumps(hasher)),
        copy.deepcopy(hasher),
        clone(hasher).fit(X, y),
    ):
        np.testing.assert_array_equal(twin.transform(X), codes)
    with pytest.raises(NotFittedError):
        check_is_fitted(clone(hasher))
    check_is_fitted(hasher)


def separation(search: Pipeline | Hasher, X: np.ndarray, y: np.ndarray) -> float:
    """Score codes by how much farther apart classes are than their members, in shares of bits."""
    codes = search.transform(X)
    bits = unpack(codes, 8 * codes.shape[1]).astype(int)
    distances = (bits[:, None] != bits[None]).mean(axis=2)
    same = y[:, None] == y
    return float(distances[~same].mean() - distances[same].mean())


def test_a_grid_search_chooses_parameters_by_a_score_over_codes(data):
    X, y = data
    pipeline = Pipeline([("scale", StandardScaler()), ("hash", create_hasher("splh", 8))])
    grid = {"hash__bits": [8, 16], "hash__label_weight": [0.0, 1.0]}
    search = GridSearchCV(pipeline, grid, scoring=separation, cv=3, error_score="raise").fit(X, y)
    means = search.cv_results_["mean_test_score"]
    assert len(set(means)) == 4
    assert search.best_score_ == max(means)
    assert search.transform(X).shape == (90, search.best_params_["hash__bits"] // 8)


@pytest.mark.parametrize("name", each_method(m for m in METHODS if hasher_class(m).supervised))
@pytest.mark.parametrize("form", ["strings", "objects", "floats", "booleans"])
def test_labels_may_be_of_any_type_of_class(name, data, form):
    X, y = data
    numbers = y % 2 if form == "booleans" else y
    labels = {
        "strings": np.array(["ant", "bee", "cat"])[y],
        "objects": np.array(["ant", "bee", "cat"], dtype=object)[y],
        "floats": y.astype(float),
        "booleans": numbers.astype(bool),
    }[form]
    codes = make(name).fit(X, labels).transform(X)
    np.testing.assert_array_equal(codes, make(name).fit(X, numbers).transform(X))


@pytest.mark.parametrize(
    "labels",
    [np.linspace(0, 1, 90), np.full(90, np.nan), np.array([1, "a", None] * 30, object)],
    ids=["continuous", "nan", "mixed"],
)
def test_targets_that_are_not_classes_are_refused(data, labels):
    with pytest.raises(DataError, match="Unknown label type"):
        create_hasher("splh", 8).fit(data[0], labels)


class Frame:
    """What a hasher needs of a data frame."""

    def __init__(self, values: np.ndarray, columns: list[Any]) -> None:
        self.values, self.columns = values, columns

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.values, dtype)


def test_columns_of_a_data_frame_are_remembered_and_their_order_is_checked(data):
    X, _ = data
    names = [f"x{i}" for i in range(12)]
    hasher = create_hasher("itq", 8).fit(Frame(X, names))
    assert hasher.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(hasher.transform(Frame(X, names)), hasher.transform(X))
    with pytest.raises(DataError, match="feature names should match"):
        hasher.transform(Frame(X[:, ::-1], names[::-1]))
    assert not hasattr(hasher.fit(Frame(X, list(range(12)))), "feature_names_in_")


def test_sparse_matrices_are_refused_with_the_remedy(data):
    sparse = pytest.importorskip("scipy.sparse")
    hasher = create_hasher("lsh", 8).fit(data[0])
    with pytest.raises(DataError, match=r"dense array.*X\.toarray\(\)"):
        hasher.transform(sparse.csr_array(data[0]))


def test_names_of_codes_are_one_per_byte(data):
    hasher = create_hasher("lsh", 24).fit(data[0])
    assert hasher.get_feature_names_out().tolist() == ["lsh0", "lsh1", "lsh2"]
    assert hasher.transform(data[0]).shape[1] == 3
