"""Descriptors from timm, with random weights from local files: VGG first, as in the paper."""

import pathlib

import numpy as np
import pytest

from hashlens.descriptors import load_descriptor
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import DataError, ParameterError

timm = pytest.importorskip("timm")
torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")


def weight_file(folder, model: str, classes: int = 1000):
    torch.manual_seed(0)
    path = folder / f"{model}-{classes}.safetensors"
    network = timm.create_model(model, pretrained=False, num_classes=classes)
    safetensors.save_file(network.state_dict(), path)
    return path


@pytest.fixture(scope="module", params=["vgg16", "vgg19"])
def vgg(request, tmp_path_factory):
    """Name and weight file of a VGG."""
    file = weight_file(tmp_path_factory.mktemp("vgg"), request.param)
    yield f"timm:{request.param}.tv_in1k", file
    file.unlink()  # half a gigabyte


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return weight_file(tmp_path_factory.mktemp("small"), "mobilenetv3_small_050")


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)


def test_every_output_of_vgg_has_the_papers_shape_and_range(vgg, pixels):
    name, file = vgg
    pooled = load_descriptor(name, weights=file)
    assert pooled.spec.input_size == 224
    assert pooled.spec.dimension == 4096
    assert pooled.spec.mean == pytest.approx((123.675, 116.28, 103.53))
    fc7 = pooled.describe(pixels)
    np.testing.assert_allclose(np.linalg.norm(fc7, axis=1), 1, rtol=1e-5)

    squashed = load_descriptor(f"{name}/sigmoid", weights=file)
    values = squashed.describe(pixels)
    assert values.shape == (2, 4096)
    assert 0 <= values.min() < values.max() <= 1

    trunk = load_descriptor(f"{name}/trunk", weights=file)
    assert trunk.describe(pixels).shape == (2, 7 * 7 * 512)
    assert len({d.spec.digest for d in (pooled, squashed, trunk)}) == 3


def test_trunk_of_vgg_is_what_its_convolutions_give(vgg, pixels):
    name, file = vgg
    network = timm.create_model(name.removeprefix("timm:"), pretrained=False).eval()
    network.load_state_dict(safetensors.load_file(file))
    mean, std = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    inputs = torch.from_numpy(((pixels / 255 - mean) / std).astype(np.float32))
    with torch.inference_mode():
        expected = network.features(inputs.permute(0, 3, 1, 2)).flatten(1).numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = load_descriptor(f"{name}/trunk", weights=file).describe(pixels)
    assert (found * expected).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_weights_of_another_architecture_are_refused(small):
    with pytest.raises(DataError, match=r"timm model 'mobilenetv3_large_100' can't be loaded"):
        load_descriptor("timm:mobilenetv3_large_100", weights=small)


def test_weights_of_another_number_of_classes_are_accepted(small, tmp_path, pixels):
    other = weight_file(tmp_path, "mobilenetv3_small_050", classes=7)
    name = "timm:mobilenetv3_small_050"
    found = load_descriptor(name, weights=other).describe(pixels)
    assert found.shape == load_descriptor(name, weights=small).describe(pixels).shape


def test_a_file_that_holds_no_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not weights")
    with pytest.raises(DataError, match=r"weights\.pth"):
        load_descriptor("timm:mobilenetv3_small_050", weights=path)


class Planted:
    """Pickles as a call that makes a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return pathlib.Path.touch, (self.mark,)


def test_code_in_a_weight_file_is_not_run(tmp_path, small):
    mark, path = tmp_path / "ran", tmp_path / "weights.pth"
    state = safetensors.load_file(small) | {"planted": Planted(mark)}
    torch.save(state, path)
    with pytest.raises(DataError, match=r"weights\.pth"):
        load_descriptor("timm:mobilenetv3_small_050", weights=path)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists()  # so the file would have run it


def test_weights_are_never_unpickled_whatever_the_defaults(tmp_path, small, monkeypatch):
    path = tmp_path / "weights.pth"
    torch.save(safetensors.load_file(small), path)
    asked = []
    load = torch.load
    monkeypatch.setattr(
        torch, "load", lambda *a, **k: asked.append(k.get("weights_only")) or load(*a, **k)
    )
    load_descriptor("timm:mobilenetv3_small_050", weights=path)
    assert asked == [True]


def test_sparse_weights_are_refused(tmp_path, small):
    path = tmp_path / "weights.pth"
    state = safetensors.load_file(small)
    torch.save(state | {"classifier.weight": state["classifier.weight"].to_sparse()}, path)
    with pytest.raises(DataError, match=r"'classifier\.weight' is not a dense tensor"):
        load_descriptor("timm:mobilenetv3_small_050", weights=path)


def test_a_weight_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        load_descriptor("timm:mobilenetv3_small_050", weights=tmp_path / "none.pth")


def test_a_model_that_timm_lacks_comes_with_a_hint():
    with pytest.raises(ParameterError, match=r"no model 'vgg20'.* Similar names: .*vgg"):
        load_descriptor("timm:vgg20")


def test_an_output_that_no_network_has_is_refused():
    with pytest.raises(ParameterError, match="pooled, sigmoid, trunk"):
        load_descriptor("timm:vgg16/fc6")


@pytest.mark.parametrize("output", ["pooled", "sigmoid", "trunk"])
def test_an_exported_network_gives_the_same_descriptors(small, tmp_path, pixels, output):
    network = load_descriptor(f"timm:mobilenetv3_small_050/{output}", weights=small)
    path = tmp_path / "descriptor.onnx"
    network.export(path)
    exported = OnnxDescriptor(path, network.spec, sha256=file_sha256(path))
    np.testing.assert_allclose(exported.describe(pixels), network.describe(pixels), atol=1e-4)
    assert exported.describe(pixels[:1]).shape == (1, network.spec.dimension)
    assert [file.name for file in tmp_path.iterdir()] == ["descriptor.onnx"]
