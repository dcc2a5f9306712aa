"""Markers by content, and what `make quick` leaves out: that is not even imported."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import settings

for name, examples, steps in (("full", 60, 20), ("quick", 10, 15)):
    settings.register_profile(
        name, max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True
    )
settings.load_profile("full")

_SOURCE = Path(__file__).parent / "src"
_NEEDS_TORCH = re.compile(
    r"^(?:import|from) (?:torch|timm)\b"
    r"|^(?:\w+ = )?pytest\.importorskip\(\"(?:torch|timm)\"\)"
    r"|^pytestmark = pytest\.mark\.torch$"
    r"|^from hashlens\.hashers\.parameters import .*\bcheck_torch\b",
    re.MULTILINE,
)


def _needs_torch(path: Path) -> bool:
    return _NEEDS_TORCH.search(path.read_text("utf-8")) is not None


def _leaves_out_torch(config: pytest.Config) -> bool:
    return "not torch" in config.option.markexpr


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no module only to find that it has no examples, or none that will run."""
    if collection_path.suffix != ".py":
        return None
    if collection_path.is_relative_to(_SOURCE) and ">>>" not in collection_path.read_text("utf-8"):
        return True
    return True if _leaves_out_torch(config) and _needs_torch(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests in files that import PyTorch; single ones elsewhere are marked by hand."""
    paths = {item.path for item in items}
    torch_files = {path for path in paths if path.suffix == ".py" and _needs_torch(path)}
    for item in items:
        if item.path in torch_files:
            item.add_marker(pytest.mark.torch)


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Stop a run without PyTorch at the first test that imports it."""
    if _leaves_out_torch(item.config) and "torch" in sys.modules:
        pytest.exit(f"{item.nodeid} imports torch: mark it with pytest.mark.torch", returncode=1)
