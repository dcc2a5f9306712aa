"""Calibration against explicit pairs, and its intervals against the spread of new samples."""

import numpy as np
import pytest

from hashlens.codes import pack, unpack
from hashlens.errors import DataError, ParameterError
from hashlens.evaluation import DistanceHistograms, hamming_histograms
from hashlens.evaluation.bootstrap import Resampling
from hashlens.evaluation.calibration import Calibration, calibrate, without_self

BITS = 8


def sample(count: int, rng: np.random.Generator):
    labels = rng.integers(0, 3, count)
    centers = np.array([[0] * 8, [0, 0, 0, 0, 1, 1, 1, 1], [1] * 8])
    return pack(centers[labels] ^ (rng.random((count, BITS)) < 0.25)), labels


def test_curves_are_those_of_a_loop_over_pairs():
    rng = np.random.default_rng(0)
    codes, labels = sample(30, rng)
    bits = unpack(codes, BITS)
    found = calibrate(without_self(hamming_histograms(codes, labels, codes, labels, BITS)))
    pairs = [
        (int((bits[i] != bits[j]).sum()), labels[i] == labels[j])
        for i in range(30)
        for j in range(30)
        if i != j
    ]
    relevant = sum(same for _, same in pairs)
    for radius in range(BITS + 1):
        within = [same for distance, same in pairs if distance <= radius]
        assert found.precision[radius] == pytest.approx(np.mean(within))
        assert found.recall[radius] == pytest.approx(sum(within) / relevant)
    assert found.chance == pytest.approx(relevant / len(pairs))


@pytest.mark.parametrize("same_images", [True, False])
def test_intervals_are_as_wide_as_the_spread_of_new_samples(same_images):
    rng = np.random.default_rng(1)
    estimates, widths = [], []
    for _ in range(150):
        codes, labels = sample(60, rng)
        if same_images:
            among = hamming_histograms(codes, labels, codes, labels, BITS)
            found = calibrate(without_self(among), resampling=Resampling(resamples=300))
        else:
            others, classes = sample(40, rng)
            found = calibrate(
                hamming_histograms(codes, labels, others, classes, BITS),
                hamming_histograms(others, classes, codes, labels, BITS),
                Resampling(resamples=300),
            )
        estimates.append(found.precision[3])
        widths.append(found.precision_high[3] - found.precision_low[3])
    # A normal interval of 95 % is 3.92 standard errors wide.
    assert np.mean(widths) / 3.92 == pytest.approx(np.std(estimates), rel=0.25)


def test_no_error_among_few_images_is_no_certainty():
    rows = np.zeros((10, 3), dtype=int)
    rows[:, 0] = rows[:, 2] = 5
    right = rows.copy()
    right[:, 2] = 0
    found = calibrate(DistanceHistograms(rows, right))
    assert found.precision[0] == found.precision_high[0] == 1
    assert found.precision_low[0] == pytest.approx(0.7225, abs=1e-4)
    assert (found.radius_for(0.9), found.radius_for(0.9, sure=True)) == (1, None)
    assert found.radius_for(0.7, sure=True) == 1


def test_the_same_seed_gives_the_same_calibration_through_json():
    codes, labels = sample(30, np.random.default_rng(2))
    rows = without_self(hamming_histograms(codes, labels, codes, labels, BITS))
    found = calibrate(rows)
    assert Calibration.from_dict(calibrate(rows).to_dict()) == found


def test_what_can_not_be_calibrated_is_refused():
    with pytest.raises(DataError, match="there is none"):
        calibrate(DistanceHistograms([[1, 1]], [[0, 0]]))
    with pytest.raises(DataError, match="same pairs seen from both sides"):
        calibrate(DistanceHistograms([[1, 1]], [[1, 0]]), DistanceHistograms([[2, 1]], [[1, 0]]))
    with pytest.raises(ParameterError, match="at least 200 resamples"):
        Resampling(resamples=50)
