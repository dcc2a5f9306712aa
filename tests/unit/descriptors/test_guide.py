"""The guide to adding a descriptor: its examples run, and its descriptor keeps the contract."""

import re
from pathlib import Path
from typing import Any

import numpy as np

GUIDE = Path(__file__).parents[3] / "docs" / "adding-a-descriptor.md"


def run_guide() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "guide"}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL):
        exec(block, names)
    return names


def test_the_examples_of_the_guide_run(capsys):
    names = run_guide()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "(10, 192) float32"
    assert printed[1].startswith("[[0 ")
    descriptor, pixels = names["descriptor"], names["pixels"]
    alone = np.concatenate([descriptor.describe(image[None]) for image in pixels])
    np.testing.assert_allclose(descriptor.describe(pixels), alone, atol=1e-6)
    assert descriptor.describe(pixels[:0]).shape == (0, 192)


def test_the_descriptor_of_the_guide_says_which_color_is_where():
    descriptor = run_guide()["ColorGrid"]()
    pixels = np.full((1, 64, 64, 3), 127, np.uint8)
    pixels[0, :8, 8:16, 2] = 255  # blue, in the first row and the second column of cells
    grid = descriptor.describe(pixels).reshape(3, 8, 8)
    assert np.unravel_index(grid.argmax(), grid.shape) == (2, 0, 1)
