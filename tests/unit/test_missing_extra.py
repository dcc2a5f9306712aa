"""Without PyTorch or SciPy, a method that needs it says how to install it; all others work."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
sys.modules[{missing!r}] = None  # as if it were not installed
import numpy as np
from hashlens.errors import MissingExtraError
from hashlens.hashers import create_hasher
X = np.random.default_rng(0).standard_normal((60, {dimensions})).astype(np.float32)
try:
    create_hasher({name!r}, 16).fit(X, np.arange(60) % 3)
except MissingExtraError as error:
    print(error)
"""


def output_of(name: str, missing: str = "torch", dimensions: int = 32) -> str:
    script = SCRIPT.format(name=name, missing=missing, dimensions=dimensions)
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["autoencoder", "codebook", "dlbhc", "dh", "sdh"])
def test_deep_methods_name_the_command(name):
    assert "pip install 'hashlens[train]'" in output_of(name)


def test_splh_of_many_dimensions_names_the_command():
    assert "pip install 'hashlens[train]'" in output_of("splh", "scipy", 300)
    assert output_of("splh", "scipy", 32) == ""


def test_linear_methods_do_without():
    assert output_of("itq") == ""
