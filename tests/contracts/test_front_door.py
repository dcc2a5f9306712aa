"""`import hashlens`: what it offers, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import hashlens

HEAVY = ("torch", "matplotlib", "sklearn", "scipy", "onnx", "jinja2", "pandas", "rich", "click")
NAMES = {
    "AutoIndex",
    "Collection",
    "Hit",
    "LinearIndex",
    "Model",
    "MultiIndex",
    "__version__",
    "create_hasher",
    "load_dataset",
    "load_model",
    "train",
}


SOURCE = Path(hashlens.__file__).parents[1]


def modules_after(code: str, *options: str) -> set[str]:
    """Return the modules that a new interpreter has loaded after some code."""
    command = [sys.executable, *options, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_front_door_offers_the_public_names():
    assert set(hashlens.__all__) == NAMES
    assert set(dir(hashlens)) >= NAMES
    for name in NAMES:
        assert getattr(hashlens, name) is getattr(hashlens, name)
    assert not hasattr(hashlens, "Encoder")


def test_importing_hashlens_loads_nothing_else():
    # -S: the finder of an editable install imports importlib and more.
    bare = f"import sys; sys.path.append({str(SOURCE)!r})"
    new = modules_after(f"{bare}; import hashlens", "-S") - modules_after(bare, "-S")
    assert new <= {"hashlens", "__future__"}


@pytest.mark.parametrize("name", ["Collection", "Model", "AutoIndex", "create_hasher", "train"])
def test_a_name_loads_no_heavy_package(name):
    assert not modules_after(f"from hashlens import {name}") & set(HEAVY)


def test_a_star_import_and_type_checkers_see_the_names(tmp_path):
    script = tmp_path / "uses.py"
    script.write_text(
        "import hashlens\n"
        "from hashlens import *\n"
        "reveal_type(hashlens.load_model())\n"
        "reveal_type(hashlens.Collection.create('c').search('a.jpg'))\n"
        "reveal_type(LinearIndex(64))\n"
    )
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", script]
    found = subprocess.run(mypy, capture_output=True, text=True).stdout
    for expected in (
        "hashlens.model.model.Model",
        "list[hashlens.collection.results.Hit]",
        "hashlens.indexes.linear.LinearIndex",
    ):
        assert expected in found, found
