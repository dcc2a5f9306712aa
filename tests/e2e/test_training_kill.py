"""Kill -9 at every stage of a training: repeated, it ends with the same model bit for bit."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnxscript")

PARTS = (".npz", ".onnx")
CHILD = Path(__file__).parents[1] / "support" / "training_child.py"


def train(tune, point, folder):
    return subprocess.run(
        [sys.executable, str(CHILD), tune, point, str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
    )


def write_images(folder):
    """Write sixty tiles of three colors, and a file that is no image."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("red", "green", "blue")):
        (folder / name).mkdir(parents=True)
        for number in range(20):
            pixels = rng.integers(0, 120, (32, 32, 3)).astype(np.uint8)
            pixels[..., label] += 100
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "green" / "bad.png").write_bytes(b"no picture")


def parts(model):
    """Return the arrays and the network of a model by their names, which tell their content."""
    return {path.name: path.read_bytes() for path in model.iterdir() if path.suffix in PARTS}


@pytest.mark.parametrize(
    ("tune", "points"),
    [
        ("head", ["rows", "full", "keys", "epoch", "save"]),
        ("last", ["rows", "keys", "epoch", "checkpoint", "export", "save"]),
    ],
)
def test_a_training_that_is_killed_again_and_again_ends_with_the_same_model(tune, points, tmp_path):
    for name in ("undisturbed", "killed"):
        write_images(tmp_path / name / "data")
    expected = train(tune, "never", tmp_path / "undisturbed")
    assert expected.returncode == 0, expected.stderr
    for point in points:
        killed = train(tune, point, tmp_path / "killed")
        if point == "full":
            assert killed.returncode == 1
            assert "Free some space or choose another cache folder" in killed.stderr
        else:
            assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        assert not (tmp_path / "killed" / "model" / "model.json").exists()
    resumed = train(tune, "never", tmp_path / "killed")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == expected.stdout
    models = [parts(tmp_path / name / "model") for name in ("undisturbed", "killed")]
    assert models[0] == models[1]
    assert len(models[0]) == (1 if tune == "head" else 2)
