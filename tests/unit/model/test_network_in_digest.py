"""A model's digest covers its network's file, so that a swapped one is told apart."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from linear_network import DIMENSION, SIZE, make_network
from onnx import numpy_helper

from hashlens.collection import Collection
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import FormatError, ModelMismatchError
from hashlens.hashers import create_hasher
from hashlens.model import load_model
from hashlens.model.model import Model

FORMER = Path(__file__).parents[2] / "data" / "former"
PIXELS = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture
def model(tmp_path) -> Model:
    """A model whose network was exported from weights of another form."""
    network = tmp_path / "network.onnx"
    spec = replace(make_network(network), weights_sha256="5" * 64)
    vectors = np.random.default_rng(1).standard_normal((60, DIMENSION)).astype(np.float32)
    return Model(create_hasher("lsh", 16).fit(vectors), spec, network=network)


def swap_network(folder: Path) -> None:
    """Put other weights into a model directory, and make its manifest agree."""
    manifest = json.loads((folder / "model.json").read_text())
    path = folder / manifest["network"]
    network = onnx.load(path)
    weights = numpy_helper.to_array(network.graph.initializer[0])
    network.graph.initializer[0].CopyFrom(numpy_helper.from_array(-weights, "weights"))
    onnx.save(network, path)
    checksum = file_sha256(path)
    swapped = path.rename(folder / f"descriptor-{checksum[:16]}.onnx")
    manifest |= {"network": swapped.name, "network_sha256": checksum}
    (folder / "model.json").write_text(json.dumps(manifest))


def test_the_digest_is_the_same_before_and_after_saving(model, tmp_path):
    model.save(tmp_path / "model")
    read = load_model(tmp_path / "model")
    assert read.digest == model.digest
    np.testing.assert_array_equal(read.encode(list(PIXELS)), model.encode(list(PIXELS)))
    read.save(tmp_path / "copy")
    assert load_model(tmp_path / "copy").digest == model.digest


def test_a_swapped_network_is_not_the_model_that_the_manifest_names(model, tmp_path):
    model.save(tmp_path / "model")
    swap_network(tmp_path / "model")
    with pytest.raises(FormatError, match="does not have the digest"):
        load_model(tmp_path / "model")


def test_a_collection_refuses_its_model_with_another_network(model, tmp_path):
    folder = tmp_path / "collection"
    Collection.create(folder, model).close()
    swap_network(folder / "model")
    manifest = json.loads((folder / "model" / "model.json").read_text())
    forged = replace(
        model,
        network=folder / "model" / manifest["network"],
        network_sha256=manifest["network_sha256"],
    )
    assert forged.digest != model.digest
    (folder / "model" / "model.json").write_text(json.dumps(manifest | {"digest": forged.digest}))
    assert load_model(folder / "model").digest == forged.digest
    with Collection.open(folder) as collection, pytest.raises(ModelMismatchError):
        collection.search(PIXELS[0])


@pytest.mark.parametrize("version", [1, 2, 3])
def test_to_call_a_model_a_former_one_does_not_hide_the_swap(model, tmp_path, version):
    model.save(tmp_path / "model")
    swap_network(tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    former = {"format_version": version, "network_in_digest": False}
    path.write_text(json.dumps(json.loads(path.read_text()) | former))
    with pytest.raises(FormatError, match="does not have the digest"):
        load_model(tmp_path / "model")


def test_a_former_model_keeps_its_digest_when_it_is_saved_again(model, tmp_path):
    former = replace(model, network_in_digest=False)
    assert former.digest != model.digest
    former.save(tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.digest == former.digest
    assert again.network_in_digest is False


def test_a_network_that_its_spec_names_adds_nothing(model):
    plain = replace(model, spec=replace(model.spec, weights_sha256=model.network_sha256))
    assert plain.digest == replace(plain, network_in_digest=False).digest


def test_models_of_this_package_and_of_version_1_keep_their_digests():
    assert load_model().digest.startswith("cfae9b13c5349c8e")
    assert load_model(FORMER / "model-v1-splh").digest.startswith("0235828eb5c11ffa")


def test_a_network_that_changed_since_is_not_saved(model, tmp_path):
    make_network(model.network, dimension=DIMENSION + 1)
    with pytest.raises(FormatError, match="has changed since"):
        model.save(tmp_path / "model")


def test_a_model_without_its_network_is_not_saved(model, tmp_path):
    model.save(tmp_path / "model")
    read = load_model(tmp_path / "model")
    read = replace(read, network=None)
    with pytest.raises(FormatError, match="its network is missing"):
        read.save(tmp_path / "copy")
    shutil.rmtree(tmp_path / "model")
