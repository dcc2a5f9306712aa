"""The contract of `hashlens.descriptors.Descriptor`, held by every kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from document import run_python
from linear_network import make_network

from hashlens.descriptors import Descriptor, DescriptorSpec, load_descriptor
from hashlens.errors import DataError, FormatError, HashlensError, ParameterError

GUIDE = Path(__file__).parents[2] / "docs" / "adding-a-descriptor.md"
TINY = "mobilenetv3_small_050"


def bundled(folder) -> str:
    return "default"


def onnx_file(folder) -> str:
    make_network(folder / "linear.onnx")
    return f"onnx:{folder / 'linear.onnx'}"


def timm_weights(folder):
    """Write random weights, so that nothing is downloaded."""
    timm = pytest.importorskip("timm")
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(timm.create_model(TINY).state_dict(), folder / "tiny.pth")
    return folder / "tiny.pth"


KINDS = {
    "bundled": bundled,
    "onnx": onnx_file,
    "timm": lambda folder: f"timm:{TINY}.lamb_in1k",
    "timm sigmoid": lambda folder: f"timm:{TINY}.lamb_in1k/sigmoid",
    "guide": None,
}


def load(kind: str, folder) -> Descriptor:
    if kind == "guide":
        return run_python(GUIDE).ColorGrid()
    weights = timm_weights(folder) if kind.startswith("timm") else None
    return load_descriptor(KINDS[kind](folder), weights)


MARKED = [pytest.param(k, marks=pytest.mark.torch if "timm" in k else ()) for k in KINDS]


@pytest.fixture(scope="module", params=MARKED)
def kind(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def descriptor(kind, tmp_path_factory) -> Descriptor:
    return load(kind, tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def pixels(descriptor):
    size = descriptor.spec.input_size
    return np.random.default_rng(0).integers(0, 256, (5, size, size, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def vectors(descriptor, pixels):
    return descriptor.describe(pixels)


def test_vectors_are_float32_of_the_specs_dimension(descriptor, vectors):
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, descriptor.spec.dimension)
    assert np.isfinite(vectors).all()


def test_vectors_are_normalized_as_the_spec_says(descriptor, vectors):
    if descriptor.spec.normalization == "l2":
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    if descriptor.spec.normalization == "sigmoid":
        assert 0 <= vectors.min() < vectors.max() <= 1


def test_different_images_have_different_vectors(vectors):
    assert len(np.unique(vectors, axis=0)) == len(vectors)


def test_the_same_pixels_give_the_same_vectors_bit_for_bit(descriptor, pixels, vectors):
    np.testing.assert_array_equal(descriptor.describe(pixels), vectors)


def test_an_image_does_not_depend_on_its_batch(descriptor, pixels, vectors):
    alone = np.concatenate([descriptor.describe(pixels[[row]]) for row in range(5)])
    np.testing.assert_allclose(alone, vectors, rtol=1e-4, atol=1e-5)
    order = [3, 1, 4, 0, 2]
    np.testing.assert_allclose(
        descriptor.describe(pixels[order]), vectors[order], rtol=1e-4, atol=1e-5
    )


def test_no_images_give_no_vectors(descriptor, pixels):
    none = descriptor.describe(pixels[:0])
    assert none.shape == (0, descriptor.spec.dimension)
    assert none.dtype == np.float32


def test_describing_leaves_the_pixels_as_they_are(descriptor, pixels):
    before = pixels.copy()
    descriptor.describe(pixels)
    np.testing.assert_array_equal(pixels, before)


def test_another_load_has_the_same_digest_and_vectors(kind, descriptor, pixels, vectors, tmp_path):
    again = load(kind, tmp_path)
    assert again.spec.digest == descriptor.spec.digest
    np.testing.assert_array_equal(again.describe(pixels), vectors)


def test_the_spec_survives_json(descriptor):
    assert DescriptorSpec.from_dict(descriptor.spec.to_dict()).digest == descriptor.spec.digest


@pytest.mark.torch
def test_kinds_have_digests_of_their_own(tmp_path):
    digests = set()
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        digests.add(load(kind, tmp_path / kind).spec.digest)
    assert len(digests) == len(KINDS)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("nothing", ParameterError, "must be 'default', 'onnx:FILE' or 'timm:NAME'"),
        ("onnx:", ParameterError, "must be 'default'"),
        ("onnx:none.onnx", DataError, "none.json"),
    ],
)
def test_a_name_of_no_descriptor_is_explained(name, error, message):
    with pytest.raises(error, match=message) as raised:
        load_descriptor(name)
    assert isinstance(raised.value, HashlensError)


def test_a_damaged_file_is_refused(tmp_path):
    name = onnx_file(tmp_path)
    path = tmp_path / "linear.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FormatError, match="expected SHA-256"):
        load_descriptor(name)


# The guide


def test_the_guide_prints_what_it_says(capsys):
    run_python(GUIDE)
    vectors, ids = capsys.readouterr().out.splitlines()
    assert vectors == "(10, 192) float32"
    assert ids.startswith("[[0 ")


def test_the_descriptor_of_the_guide_says_which_color_is_where():
    descriptor = run_python(GUIDE).ColorGrid()
    pixels = np.full((1, 64, 64, 3), 127, np.uint8)
    pixels[0, :8, 8:16, 2] = 255  # blue, in the first row and the second column of cells
    grid = descriptor.describe(pixels).reshape(3, 8, 8)
    assert np.unravel_index(grid.argmax(), grid.shape) == (2, 0, 1)
