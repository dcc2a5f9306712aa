"""Model directories: what is written is read; what is damaged, foreign or newer is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hashlens.descriptors.default import default_spec
from hashlens.encoder import Encoder, load_encoder
from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.hashers import create_hasher

X = np.random.default_rng(0).standard_normal((60, 1280)).astype(np.float32)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder(create_hasher("itq", 32).fit(X), default_spec(), training={"method": "itq"})


def edit_manifest(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_saved_model_gives_the_same_codes_and_digest(encoder, tmp_path):
    encoder.metrics = {"top5": 0.5}
    encoder.save(tmp_path / "model")
    read = Encoder.load(tmp_path / "model")
    np.testing.assert_array_equal(read.hasher.transform(X), encoder.hasher.transform(X))
    assert read.digest == encoder.digest
    assert (read.training, read.metrics) == (encoder.training, encoder.metrics)


def test_the_digest_tells_models_apart(encoder):
    other = create_hasher("itq", 32, random_state=1).fit(X)
    assert replace(encoder, hasher=other).digest != encoder.digest
    spec = replace(encoder.spec, input_size=192)
    assert replace(encoder, spec=spec).digest != encoder.digest


def test_saving_again_replaces_the_model(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    other = replace(encoder, hasher=create_hasher("lsh", 16).fit(X))
    other.save(tmp_path / "model")
    assert Encoder.load(tmp_path / "model").digest == other.digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_saving_over_something_else_is_refused(encoder, tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ParameterError, match="not a model directory"):
        encoder.save(tmp_path)
    assert (tmp_path / "photo.jpg").exists()


def test_a_full_disk_leaves_the_old_model(encoder, tmp_path, monkeypatch):
    encoder.save(tmp_path / "model")

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(HashlensError, match="No space left"):
        replace(encoder, training={"new": True}).save(tmp_path / "model")
    monkeypatch.undo()
    assert Encoder.load(tmp_path / "model").training == {"method": "itq"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_newer_format_version_is_refused(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", format_version=2)
    with pytest.raises(FormatError, match="format version 2; this hashlens reads up to 1"):
        Encoder.load(tmp_path / "model")


@pytest.mark.parametrize("name", ["model.json", "hasher.npz"])
def test_a_missing_file_is_named(encoder, tmp_path, name):
    encoder.save(tmp_path / "model")
    (tmp_path / "model" / name).unlink()
    with pytest.raises(FormatError, match=name):
        Encoder.load(tmp_path / "model")


def test_damaged_arrays_are_found_by_their_checksum(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    path = tmp_path / "model" / "hasher.npz"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        Encoder.load(tmp_path / "model")


def test_a_changed_parameter_is_found_by_the_digest(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", digest="0" * 64)
    with pytest.raises(FormatError, match="does not have the digest"):
        Encoder.load(tmp_path / "model")


@pytest.mark.parametrize("change", [{"hasher": {}}, {"hasher": None}, {"descriptor": {"name": 1}}])
def test_an_incomplete_manifest_is_refused(encoder, tmp_path, change):
    encoder.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", **change)
    with pytest.raises(FormatError):
        Encoder.load(tmp_path / "model")


def test_a_model_whose_network_is_not_at_hand_says_so(encoder, tmp_path):
    foreign = replace(encoder, spec=replace(encoder.spec, weights_sha256="0" * 64, name="other"))
    foreign.save(tmp_path / "model")
    with pytest.raises(FormatError, match="'other', and its network is not at hand"):
        Encoder.load(tmp_path / "model").load_descriptor()


def test_an_unknown_model_says_what_was_expected():
    with pytest.raises(HashlensError, match="expected 'default' or a model directory"):
        load_encoder("no-such-model")
