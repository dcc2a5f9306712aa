import numpy as np
import pytest
from invariance_measure import Reference, measure_invariance
from perturbations import PERTURBATIONS
from PIL import Image

from hashlens.hashers import create_hasher


@pytest.fixture(scope="module")
def images():
    """Return 24 smooth colorful images of 32 pixels."""
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize(
            (32, 32), Image.Resampling.BICUBIC
        )
        for _ in range(24)
    ]


def difference(a, b):
    return np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean()


@pytest.mark.parametrize("change", PERTURBATIONS, ids=lambda change: change.name)
def test_the_neutral_grade_changes_nothing(change, images):
    for image in images[:4]:
        same = change.apply(image, change.neutral, np.random.default_rng(0))
        assert difference(same, image) == 0


@pytest.mark.parametrize("change", PERTURBATIONS, ids=lambda change: change.name)
def test_changes_grow_with_the_distance_from_neutral(change, images):
    def strength(grade):
        pairs = ((change.apply(i, grade, np.random.default_rng(1)), i) for i in images)
        return np.mean([difference(changed, image) for changed, image in pairs])

    below = sorted((g for g in change.grades if g < change.neutral), reverse=True)
    above = sorted(g for g in change.grades if g > change.neutral)
    assert len(below) + len(above) == len(change.grades) >= 4
    for side in (below, above):
        strengths = [strength(grade) for grade in side]
        assert all(value > 0 for value in strengths)
        assert strengths == sorted(strengths)


@pytest.mark.parametrize("change", PERTURBATIONS, ids=lambda change: change.name)
def test_size_mode_and_source_are_kept(change, images):
    before = np.array(images[0])
    changed = change.apply(images[0], change.grades[-1], np.random.default_rng(2))
    assert (changed.size, changed.mode) == ((32, 32), "RGB")
    np.testing.assert_array_equal(before, np.array(images[0]))


def describe(images):
    """Describe images by 8 x 8 pixels of theirs, centered."""
    return np.stack(
        [np.asarray(i.resize((8, 8)), dtype=np.float32).ravel() / 128 - 1 for i in images]
    )


def test_codes_move_more_the_stronger_the_change(images):
    labels = np.arange(24) % 6
    hasher = create_hasher("itq", 16).fit(describe(images))
    reference = Reference(hasher, hasher.transform(describe(images)), labels)
    heard = []
    rows = measure_invariance(images, labels, describe, {"itq": reference}, listen=heard.append)
    assert len(rows) == len(heard) == 1 + sum(len(change.grades) for change in PERTURBATIONS)
    none = rows[0]
    assert (none["change"], none["distance"]) == ("none", 0.0)
    assert 0.3 < none["distance_other_class"] < 0.7
    crop = {row["grade"]: row["distance"] for row in rows if row["change"] == "crop"}
    assert crop[0.95] < crop[0.6] <= none["distance_other_class"]
    assert all(
        r["precision_at_5_low"] <= r["precision_at_5"] <= r["precision_at_5_high"] for r in rows
    )


def test_distances_between_classes_are_means_over_pairs(images):
    """Codes are [label bit repeated]: 0 within a class, all bits between the two classes."""
    labels = np.arange(24) % 2

    class LabelBits:
        bits = 8

        def transform(self, X):
            return np.where(labels, 255, 0).astype(np.uint8)[:, None]

    hasher = LabelBits()
    reference = Reference(hasher, hasher.transform(None), labels)
    row = measure_invariance(images, labels, describe, {"x": reference}, perturbations=())[0]
    assert (row["distance_same_class"], row["distance_other_class"]) == (0.0, 1.0)
    assert row["precision_at_5"] == 1.0
