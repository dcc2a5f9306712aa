"""Fixtures that several rooms share."""

from __future__ import annotations

from pathlib import Path

import pytest
from linear_network import make_network


@pytest.fixture
def network(tmp_path) -> Path:
    path = tmp_path / "linear.onnx"
    make_network(path)
    return path
