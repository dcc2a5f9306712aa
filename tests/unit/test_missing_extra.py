"""Without PyTorch a deep method says how to install it, and all others work."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys
sys.modules["torch"] = None  # as if it were not installed
import numpy as np
from hashlens.errors import MissingExtraError
from hashlens.hashers import create_hasher
X = np.random.default_rng(0).standard_normal((60, 32)).astype(np.float32)
try:
    create_hasher({name!r}, 16).fit(X, np.arange(60) % 3)
except MissingExtraError as error:
    print(error)
"""


def output_of(name: str) -> str:
    command = [sys.executable, "-c", SCRIPT.format(name=name)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["autoencoder", "codebook", "dlbhc", "dh", "sdh"])
def test_deep_methods_name_the_command(name):
    assert "pip install 'hashlens[train]'" in output_of(name)


def test_linear_methods_do_without():
    assert output_of("itq") == ""
