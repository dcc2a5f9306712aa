"""A data set small enough to benchmark in a blink, and a run of it that tests share."""

import numpy as np
import pytest

from hashlens.benchmark import Budget, Features, Settings, run_benchmark


def small_features(seed=0, test_seed=None):
    """Return 8 noisy classes of 32 dimensions: 30 training and 12 test images each."""
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(8, 32))

    def draw(count, generator):
        labels = np.repeat(np.arange(8), count)
        return centers[labels] + 1.2 * generator.normal(size=(len(labels), 32)), labels

    train = draw(30, rng)
    test = draw(12, rng if test_seed is None else np.random.default_rng(test_seed))
    sides = (array for vectors, labels in (train, test) for array in (unit_length(vectors), labels))
    return Features(*sides, descriptor={"backbone": "random", "normalization": "unit L2 length"})


def unit_length(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


SMALL_BUDGET = Budget(candidates=3, bits=16, fit_rows=200, database_rows=200, query_rows=60)


@pytest.fixture(scope="session")
def features():
    return small_features()


@pytest.fixture(scope="session")
def settings():
    return Settings(bits=(8, 16), methods=("lsh", "itq"), seeds=2, budget=SMALL_BUDGET)


@pytest.fixture(scope="session")
def run(features, settings, tmp_path_factory):
    """Return the results of a whole run and their folder."""
    out = tmp_path_factory.mktemp("run")
    return run_benchmark(features, settings, out), out
