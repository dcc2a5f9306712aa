import json
from dataclasses import asdict

import numpy as np
import pytest

from hashlens.codes import pack
from hashlens.errors import DataError
from hashlens.evaluation import code_statistics, linear_reconstruction_error, quantization_error
from hashlens.evaluation.code_statistics import bit_correlations, unique_code_groups


@pytest.fixture
def bits():
    """Return 300 random codes of 24 bits, two of them constant, with few different rows."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (40, 24))[rng.integers(0, 40, 300)]
    values[:, 3], values[:, 17] = 0, 1
    return values


def test_statistics_are_those_of_the_bits(bits):
    statistics = code_statistics(pack(bits), 24)
    imbalance = np.abs(bits.mean(axis=0) - 0.5)
    assert statistics.bit_imbalance == pytest.approx(imbalance.mean())
    assert statistics.worst_bit_imbalance == pytest.approx(0.5)
    assert statistics.constant_bits == 2
    assert statistics.unique_codes_per_thousand == pytest.approx(
        1000 * len({tuple(row) for row in bits}) / 300
    )


def test_correlations_are_those_of_numpy(bits):
    varied = np.delete(np.arange(24), [3, 17])
    expected = np.corrcoef(bits[:, varied].T)
    correlations = bit_correlations(pack(bits), 24)
    np.testing.assert_allclose(correlations[np.ix_(varied, varied)], expected, atol=1e-9)
    assert np.isnan(correlations[3]).all()
    above = np.abs(expected[np.triu_indices(22, k=1)])
    assert code_statistics(pack(bits), 24).bit_correlation == pytest.approx(above.mean())


def test_codes_of_one_value_have_no_correlation():
    statistics = code_statistics(np.zeros((5, 2), np.uint8), 16)
    assert statistics.bit_correlation is None
    assert statistics.constant_bits == 16
    assert json.loads(json.dumps(asdict(statistics), allow_nan=False))["bit_correlation"] is None
    assert statistics.unique_codes_per_thousand == 200


def test_groups_number_equal_codes_alike(bits):
    group, sizes = unique_code_groups(pack(bits))
    for first, second in zip(group[:50], group[50:100], strict=True):
        rows = np.flatnonzero(group == first)[0], np.flatnonzero(group == second)[0]
        assert (first == second) == np.array_equal(bits[rows[0]], bits[rows[1]])
    np.testing.assert_array_equal(sizes, np.bincount(group))


def test_quantization_error_by_a_loop_over_clusters(bits):
    codes = pack(bits)
    descriptors = np.random.default_rng(1).normal(size=(300, 7))
    error = 0.0
    for code in {row.tobytes() for row in codes}:
        cluster = descriptors[[row.tobytes() == code for row in codes]]
        error += np.linalg.norm(cluster - cluster.mean(axis=0), axis=1).sum()
    assert quantization_error(codes, descriptors) == pytest.approx(error / 300)
    assert quantization_error(codes, descriptors.astype(np.float32)) == pytest.approx(
        error / 300, rel=1e-5
    )


def test_quantization_error_over_many_blocks():
    """A cluster that spans blocks has one center all the same."""
    rng = np.random.default_rng(4)
    codes = rng.integers(0, 2, (9000, 1)).astype(np.uint8)
    descriptors = rng.normal(size=(9000, 3))
    error = sum(
        np.linalg.norm(part - part.mean(axis=0), axis=1).sum()
        for part in (descriptors[codes[:, 0] == code] for code in (0, 1))
    )
    assert quantization_error(codes, descriptors) == pytest.approx(error / 9000)


def test_unique_codes_have_no_quantization_error():
    codes = np.arange(200, dtype=np.uint8)[:, None]
    assert quantization_error(codes, np.random.default_rng(5).normal(size=(200, 3))) == 0


def test_reconstruction_error_is_that_of_linear_regression(bits):
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import r2_score

    descriptors = np.random.default_rng(2).normal(size=(300, 5)) + bits[:, :5]
    fitted = LinearRegression().fit(bits, descriptors).predict(bits)
    expected = 1 - r2_score(descriptors, fitted, multioutput="variance_weighted")
    assert linear_reconstruction_error(pack(bits), 24, descriptors) == pytest.approx(expected)


def test_equal_codes_reconstruct_nothing():
    descriptors = np.random.default_rng(3).normal(size=(50, 4))
    assert linear_reconstruction_error(np.zeros((50, 1), np.uint8), 8, descriptors) == 1.0


def test_descriptors_without_variance():
    with pytest.raises(DataError, match="all equal"):
        linear_reconstruction_error(np.zeros((5, 1), np.uint8), 8, np.ones((5, 3)))


def test_descriptors_of_other_items():
    with pytest.raises(DataError, match="Expected 5 descriptors"):
        quantization_error(np.zeros((5, 1), np.uint8), np.ones((4, 3)))


def test_no_codes():
    with pytest.raises(DataError, match="at least one code"):
        code_statistics(np.zeros((0, 1), np.uint8), 8)
