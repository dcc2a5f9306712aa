"""The guide to adding a descriptor: its examples run, and its descriptor keeps the contract."""

from pathlib import Path

import numpy as np
from document import run_python

GUIDE = Path(__file__).parents[3] / "docs" / "adding-a-descriptor.md"


def test_the_examples_of_the_guide_run(capsys):
    guide = run_python(GUIDE)
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "(10, 192) float32"
    assert printed[1].startswith("[[0 ")
    descriptor, pixels = guide.descriptor, guide.pixels
    alone = np.concatenate([descriptor.describe(image[None]) for image in pixels])
    np.testing.assert_allclose(descriptor.describe(pixels), alone, atol=1e-6)
    assert descriptor.describe(pixels[:0]).shape == (0, 192)


def test_the_descriptor_of_the_guide_says_which_color_is_where():
    descriptor = run_python(GUIDE).ColorGrid()
    pixels = np.full((1, 64, 64, 3), 127, np.uint8)
    pixels[0, :8, 8:16, 2] = 255  # blue, in the first row and the second column of cells
    grid = descriptor.describe(pixels).reshape(3, 8, 8)
    assert np.unravel_index(grid.argmax(), grid.shape) == (2, 0, 1)
