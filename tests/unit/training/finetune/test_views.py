"""Views that a network is trained on: fixed by image and number, and parts of the image."""

import numpy as np
import pytest

from hashlens.training.finetune.views import LEAST_AREA, RECIPE, WIDEST, view

SIZE = 64
ACROSS, DOWN = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
PLACES = np.stack([3 * ACROSS, 3 * DOWN, np.full_like(ACROSS, 7)], axis=-1).astype(np.uint8)
"""An image in which each pixel says where it is."""
CROPS = range(1, 60)


def sides(crop):
    """Return the width and the height of what a crop of `PLACES` shows, in pixels of it."""
    spans = np.ptp(crop[4:-4, 4:-4].astype(int), axis=(0, 1))[:2] / 3
    return spans * SIZE / (SIZE - 9)


def test_the_first_view_is_the_image():
    np.testing.assert_array_equal(view(PLACES, 0), PLACES)


def test_crops_are_parts_of_the_image_within_their_limits():
    found = np.array([sides(view(PLACES, number)) for number in CROPS])
    area = found.prod(axis=1) / SIZE**2
    ratio = found[:, 0] / found[:, 1]
    # A side is known to about a pixel at either end, of 45 at least.
    assert LEAST_AREA * 0.9 < area.min() < 0.6
    assert 0.9 < area.max() < 1.1
    assert 1 / WIDEST * 0.94 < ratio.min() < 0.85
    assert WIDEST * 1.06 > ratio.max() > 1.18


def test_about_half_of_the_crops_are_mirrored():
    crops = [view(PLACES, number).astype(int) for number in CROPS]
    mirrored = [crop[32, 4, 0] > crop[32, -4, 0] for crop in crops]
    assert 0.3 < np.mean(mirrored) < 0.7
    assert all(crop[4, 32, 1] < crop[-4, 32, 1] for crop in crops)


def test_crops_are_drawn_as_their_recipe_says():
    # Other numbers need another RECIPE: activations are kept from one version to the next.
    assert RECIPE == 1
    crops = [view(PLACES, number) for number in (1, 2)]
    found = [[crop[y, x, :2].tolist() for y, x in ((8, 8), (8, 55), (55, 8))] for crop in crops]
    expected = [[[53, 38], [155, 38], [53, 145]], [[83, 29], [173, 29], [83, 142]]]
    np.testing.assert_allclose(found, expected, atol=1)


@pytest.mark.parametrize("number", [0, 1, 2, 7, 2**31 - 1])
def test_a_view_is_the_same_every_time(number):
    first = view(PLACES, number)
    assert first.shape == PLACES.shape
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(view(np.asfortranarray(PLACES), number), first)


def test_crops_of_another_image_and_number_are_drawn_anew():
    other = PLACES.copy()
    other[..., 2] = 8
    crops = [view(image, number)[..., :2] for image in (PLACES, other) for number in (2, 3)]
    assert len({crop.tobytes() for crop in crops}) == 4
