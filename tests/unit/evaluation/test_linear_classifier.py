import numpy as np
import pytest

from hashlens.codes import unpack
from hashlens.errors import DataError, ParameterError
from hashlens.evaluation import LinearClassifier, class_code_bits, class_codes, evaluate_codes


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400) * 10
    return 5 + rng.normal(size=(4, 20))[labels // 10] + 0.3 * rng.normal(size=(400, 20)), labels


def test_classifier_learns_what_is_linear(blobs):
    X, y = blobs
    classifier = LinearClassifier(strength=1.0).fit(X[:300], y[:300])
    assert classifier.accuracy(X[300:], y[300:]) == 1.0
    np.testing.assert_array_equal(classifier.classes_, [0, 10, 20, 30])


def test_the_scale_of_descriptors_does_not_change_the_classifier(blobs):
    X, y = blobs
    first = LinearClassifier(strength=1e-3).fit(X, y).predict(X)
    np.testing.assert_array_equal(
        first, LinearClassifier(strength=1e-3).fit(64 * X, y).predict(64 * X)
    )


def test_no_penalty_strength():
    with pytest.raises(ParameterError, match="strength"):
        LinearClassifier(strength=0).fit([[0.0], [1.0]], [0, 1])


def test_constant_descriptors():
    with pytest.raises(DataError, match="constant"):
        LinearClassifier().fit(np.ones((4, 3)), [0, 1, 0, 1])


def test_class_codes_are_binary_class_numbers():
    classes = np.arange(0, 300, 3)
    bits = unpack(class_codes(classes, classes), 7)
    np.testing.assert_array_equal(bits @ (2 ** np.arange(6, -1, -1)), np.arange(100))


def test_perfect_class_codes_retrieve_perfectly():
    labels = np.repeat(np.arange(100), 6)
    codes = class_codes(labels, np.arange(100))
    figures = evaluate_codes(codes, labels, codes, labels, bits=7).to_dict()
    assert figures["precision_at_5"] == figures["precision_at_5_low"] == figures["map"] == 1.0


def test_labels_without_a_number():
    for label in (5, 99):
        with pytest.raises(DataError, match="not among the classes"):
            class_codes([label], [0, 10, 20])


def test_one_class_needs_no_code():
    with pytest.raises(ParameterError, match="at least 2"):
        class_code_bits(1)
