"""Codewords: the distances that constructions promise, and those that are reached."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.hashers.math.codewords import (
    hadamard_codewords,
    hadamard_matrix,
    linear_codewords,
    minimum_distance,
    random_codewords,
    separated_codewords,
)


def naive_minimum_distance(words) -> int:
    return min(int((words[i] != words[j]).sum()) for i in range(len(words)) for j in range(i))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("order", [1, 2, 4, 8, 12, 16, 24, 32, 40, 48, 64, 80, 128, 256, 512])
def test_hadamard_matrices_have_orthogonal_rows(order):
    matrix = hadamard_matrix(order)
    assert set(np.unique(matrix)) <= {-1, 1}
    product = matrix.astype(int) @ matrix.T
    np.testing.assert_array_equal(product, order * np.eye(order, dtype=int))


def test_no_matrix_is_made_up_where_none_is_known():
    assert hadamard_matrix(6) is None
    assert hadamard_matrix(56) is None


@pytest.mark.parametrize(("classes", "bits"), [(10, 16), (16, 16), (20, 16), (100, 64), (200, 128)])
def test_hadamard_codewords_are_half_of_the_bits_apart(classes, bits):
    words = hadamard_codewords(classes, bits, rng())
    assert words.shape == (classes, bits)
    distances = {int((words[i] != words[j]).sum()) for i in range(classes) for j in range(i)}
    assert distances <= {bits // 2, bits}


def test_more_classes_than_a_hadamard_code_has_are_left_to_others():
    assert hadamard_codewords(65, 32, rng()) is None
    assert separated_codewords(65, 32).shape == (65, 32)


def test_linear_codewords_are_a_coset_of_a_linear_code():
    words = linear_codewords(64, 24, rng())
    bits = words > 0
    code = {tuple(word) for word in bits ^ bits[0]}
    assert len(code) == 64
    for a in list(code)[:20]:
        for b in list(code)[:20]:
            assert tuple(np.array(a) ^ np.array(b)) in code


def test_minimum_distance_is_the_naive_one():
    words = random_codewords(30, 24, rng())
    assert minimum_distance(words) == naive_minimum_distance(words)
    assert minimum_distance(np.concatenate([words, words[:1]])) == 0


@pytest.mark.parametrize(
    ("bits", "reached"), [(16, 6), (24, 10), (32, 14), (48, 21), (64, 32), (128, 64)]
)
def test_distances_that_are_reached_for_a_hundred_classes(bits, reached):
    words = separated_codewords(100, bits)
    assert words.dtype == np.int8
    assert set(np.unique(words)) == {-1, 1}
    assert naive_minimum_distance(words) >= reached
    assert minimum_distance(words) > minimum_distance(random_codewords(100, bits, rng())) + 2


def test_no_code_is_better_than_plotkin_allows():
    """Two words are at most bits · C / (2 (C − 1)) apart at the least."""
    for classes, bits in [(10, 64), (100, 64), (2, 8), (3, 24)]:
        bound = bits * classes / (2 * (classes - 1))
        assert minimum_distance(separated_codewords(classes, bits)) <= bound


def test_two_classes_get_complements():
    words = separated_codewords(2, 16)
    np.testing.assert_array_equal(words[0], -words[1])


def test_bits_of_a_codebook_are_balanced():
    for bits in (32, 48, 64, 128):
        on = (separated_codewords(100, bits) > 0).mean(axis=0)
        assert (np.abs(on - 0.5) < 0.25).all()


def test_seeds_give_other_codebooks_of_the_same_distance():
    a, b = separated_codewords(100, 64, 0), separated_codewords(100, 64, 1)
    assert (a != b).any()
    assert minimum_distance(a) == minimum_distance(b)
    np.testing.assert_array_equal(a, separated_codewords(100, 64, 0))


def test_very_many_classes_still_get_different_words():
    words = separated_codewords(5000, 64)
    assert minimum_distance(words) > 0


@pytest.mark.parametrize(
    ("classes", "bits", "least"), [(2049, 32, 6), (3000, 64, 18), (4000, 16, 1)]
)
def test_sifted_codewords_are_as_far_apart_as_gilbert_promises(classes, bits, least):
    words = separated_codewords(classes, bits)
    assert words.shape == (classes, bits)
    assert set(np.unique(words)) == {-1, 1}
    assert (
        minimum_distance(words) >= least > minimum_distance(random_codewords(classes, bits, rng()))
    )


def test_ten_thousand_classes_have_codewords_far_apart():
    words = separated_codewords(10_000, 64)
    assert words.shape == (10_000, 64)
    assert minimum_distance(words) >= 17


def test_the_minimum_distance_is_found_across_blocks(monkeypatch):
    words = random_codewords(50, 24, rng(3))
    words[41] = words[7]
    words[41, 0] *= -1
    monkeypatch.setattr("hashlens.hashers.math.codewords.BLOCK", 16)
    assert minimum_distance(words) == naive_minimum_distance(words) == 1
