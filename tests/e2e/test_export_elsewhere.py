"""Exported models give the same codes where there is no hashlens: in plain Python and in Node.

The test in Node needs the package onnxruntime-node, for instance from
``npm install --ignore-scripts --prefix DIR onnxruntime-node``, and ``NODE_PATH=DIR/node_modules``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export_models import photograph_tiles

from hashlens.model.loading import load_model

pytest.importorskip("onnx")

HASHLENS = Path(sys.executable).with_name("hashlens")
NODE_SCRIPT = Path(__file__).with_name("export_node.mjs")
PYTHON_SCRIPT = """
import sys
sys.modules["hashlens"] = None  # as if it were not installed
try:
    import hashlens
except ImportError:
    pass
else:
    raise SystemExit("hashlens can be imported")
import numpy, onnxruntime
model, file, count, size = sys.argv[1:]
pixels = numpy.fromfile(file, numpy.uint8).reshape(int(count), int(size), int(size), 3)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
for code in session.run(None, {"pixels": pixels})[0]:
    print(code.tobytes().hex())
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the arguments of both scripts, and the codes that they must print."""
    folder = tmp_path_factory.mktemp("export")
    command = [HASHLENS, "export", "default", folder / "model.onnx"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    model = load_model()
    size = model.spec.input_size
    pixels = photograph_tiles(size, 100)[:16]
    pixels.tofile(folder / "pixels.bin")
    expected = [code.tobytes().hex() for code in model.encode_pixels(pixels)[0]]
    assert len(set(expected)) > 10
    return [folder / "model.onnx", folder / "pixels.bin", str(len(pixels)), str(size)], expected


def test_python_without_hashlens(exported):
    arguments, expected = exported
    assert _lines([sys.executable, "-I", "-c", PYTHON_SCRIPT, *arguments]) == expected


def test_node(exported):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    probe = subprocess.run(
        [node, "-e", "require('onnxruntime-node')"], capture_output=True, timeout=60
    )
    if probe.returncode:
        pytest.skip("node does not find onnxruntime-node; see this module's first lines")
    arguments, expected = exported
    found = _lines([node, NODE_SCRIPT, *arguments])
    # Another release of ONNX Runtime may round a projection near zero to the other side.
    differing = sum(_bits(a, b) for a, b in zip(found, expected, strict=True))
    assert differing == 0


def _lines(command) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _bits(a: str, b: str) -> int:
    left, right = (np.frombuffer(bytes.fromhex(code), np.uint8) for code in (a, b))
    return int(np.bitwise_count(left ^ right).sum())
