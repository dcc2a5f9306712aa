"""A model on a backbone of timm, VGG's trunk as in the paper: trained with PyTorch, used without.

The weights are random: what is tested is the way from images to answers, not how good they are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

timm = pytest.importorskip("timm")
torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = sys.modules["timm"] = None
from hashlens.cli import main
sys.argv = ["hashlens", *sys.argv[1:]]
main()
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(24):
        target = folder / f"class {number % 2}" / f"{number:02}.png"
        target.parent.mkdir(exist_ok=True)
        coarse = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
        Image.fromarray(coarse).resize((48, 48), Image.Resampling.BICUBIC).save(target)
    return folder


def hashlens(*arguments, without_torch: bool = False):
    program = WITHOUT_TORCH if without_torch else "from hashlens.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("backbone", "output", "method"),
    [
        pytest.param("vgg16", "trunk", ("autoencoder", "--preset", "paper"), id="the-paper"),
        pytest.param("mobilenetv3_small_050", "sigmoid", ("autoencoder",), id="sigmoid"),
    ],
)
def test_a_model_on_local_weights_searches_without_pytorch(
    backbone, output, method, photos, tmp_path
):
    weights, model, collection = (tmp_path / name for name in ("w.safetensors", "model", "mine"))
    torch.manual_seed(0)
    safetensors.save_file(timm.create_model(backbone).state_dict(), weights)
    hashlens(
        *("train", photos, "--method", *method, "--bits", 32, "--epochs", 1, "--out", model),
        *("--descriptor", f"timm:{backbone}/{output}", "--weights", weights),
        *("--cache", tmp_path / "cache"),
    )
    os.unlink(weights)
    hashlens("index", photos, "-c", collection, "--model", model, without_torch=True)
    queries = sorted(photos.rglob("*.png"))[:4]
    found = json.loads(
        hashlens("search", *queries, "-c", collection, "-k", 24, "--json", without_torch=True)
    )
    for query, result in zip(queries, found["results"], strict=True):
        assert len(result["hits"]) == 24
        itself = next(hit for hit in result["hits"] if hit["path"] == str(query))
        assert itself["distance"] == 0
    for folder in (model, collection):  # half a gigabyte each
        shutil.rmtree(folder)
