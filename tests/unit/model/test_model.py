"""Model directories: what is written is read; what is damaged, foreign or newer is refused."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from hashlens.descriptors.default import default_spec
from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.hashers import Hasher, create_hasher
from hashlens.model import folder as model_folder
from hashlens.model import loading
from hashlens.model.folder import check_model_folder
from hashlens.model.loading import load_model
from hashlens.model.model import Model
from hashlens.model.training_record import TrainingRecord

X = np.random.default_rng(0).standard_normal((60, 1280)).astype(np.float32)


@pytest.fixture(scope="module")
def hasher() -> Hasher:
    return create_hasher("itq", 32).fit(X)


@pytest.fixture
def model(hasher) -> Model:
    return Model(hasher, default_spec(), training=TrainingRecord("itq", "photographs"))


def arrays_of(folder):
    return folder / json.loads((folder / "model.json").read_text())["arrays"]


def edit_manifest(folder, **changes):
    path = folder / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_saved_model_gives_the_same_codes_and_digest(model, tmp_path):
    model.metrics = {"precision_at_5": 0.5}
    model.save(tmp_path / "model")
    read = load_model(tmp_path / "model")
    np.testing.assert_array_equal(read.hasher.transform(X), model.hasher.transform(X))
    assert read.digest == model.digest
    assert (read.training, read.metrics) == (model.training, model.metrics)


def test_the_digest_tells_models_apart(model):
    other = create_hasher("itq", 32, random_state=1).fit(X)
    assert replace(model, hasher=other).digest != model.digest
    spec = replace(model.spec, input_size=192)
    assert replace(model, spec=spec).digest != model.digest


def test_saving_again_replaces_the_model(model, tmp_path):
    model.save(tmp_path / "model")
    other = replace(model, hasher=create_hasher("lsh", 16).fit(X))
    other.save(tmp_path / "model")
    assert load_model(tmp_path / "model").digest == other.digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_saving_over_something_else_is_refused(model, tmp_path):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ParameterError, match="not a model directory"):
        model.save(tmp_path)
    assert (tmp_path / "photo.jpg").exists()


def test_what_is_not_the_new_models_goes_and_files_of_the_user_stay(model, tmp_path):
    folder = tmp_path / "model"
    model.save(folder)
    for name in ("NOTES.md", "report.html", "calibration.json", f".model.json.{'0' * 32}"):
        (folder / name).write_text("mine")
    other = replace(model, hasher=create_hasher("lsh", 16).fit(X))
    other.save(folder)
    found = {path.name for path in folder.iterdir()}
    assert found == {".lock", "MODEL_CARD.md", "NOTES.md", arrays_of(folder).name, "model.json"}
    assert (folder / "NOTES.md").read_text() == "mine"


def test_a_damaged_part_is_written_anew_when_the_same_model_is_saved(model, tmp_path):
    model.save(tmp_path / "model")
    arrays_of(tmp_path / "model").write_bytes(b"damaged")
    model.save(tmp_path / "model")
    assert load_model(tmp_path / "model").digest == model.digest


KILLED_SAVE = """
import os, pathlib, signal, sys
from hashlens.model import load_model, saving
owner = os if sys.argv[3] == "replace" else saving
work, left = getattr(owner, sys.argv[3]), [int(sys.argv[4])]
def deadly(*arguments, **named):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(*arguments, **named)
setattr(owner, sys.argv[3], deadly)
load_model(pathlib.Path(sys.argv[1])).save(pathlib.Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    ("call", "number", "new"),
    [
        ("replace", 1, False),
        ("replace", 2, False),
        ("_remove_what_went", 1, True),
        ("replace", 3, True),
    ],
    ids=["arrays", "manifest", "removal", "card"],
)
@pytest.mark.parametrize("first", [False, True])
def test_a_kill_while_a_model_is_saved_leaves_one_of_the_two(
    model, tmp_path, call, number, new, first
):
    other = replace(model, hasher=create_hasher("lsh", 16).fit(X))
    target = tmp_path / "model"
    if not first:
        model.save(target)
        (target / "NOTES.md").write_text("mine")
    other.save(tmp_path / "other")
    killed = [sys.executable, "-c", KILLED_SAVE, tmp_path / "other", target, call, str(number)]
    assert subprocess.run(killed).returncode == -signal.SIGKILL
    if first and not new:
        with pytest.raises(FormatError, match=r"has no model\.json"):
            load_model(target)
    else:
        assert load_model(target).digest == (other if new else model).digest
    model.save(target)
    assert load_model(target).digest == model.digest
    found = {path.name for path in target.iterdir()}
    kept = {".lock", "MODEL_CARD.md", arrays_of(target).name, "model.json"}
    assert found == kept | (set() if first else {"NOTES.md"})


def test_a_reader_between_two_models_gets_the_new_one(model, tmp_path, monkeypatch):
    other = replace(model, hasher=create_hasher("lsh", 16).fit(X))
    model.save(tmp_path / "model")
    read, late = loading.read_manifest, iter([True])

    def overtaken(folder):
        manifest = read(folder)
        if next(late, False):
            other.save(folder)
        return manifest

    monkeypatch.setattr(loading, "read_manifest", overtaken)
    assert load_model(tmp_path / "model").digest == other.digest


def test_a_second_writer_waits_and_is_refused_in_the_end(model, tmp_path, monkeypatch):
    model.save(tmp_path / "model")
    monkeypatch.setattr(model_folder, "PATIENCE", 0.01)
    other = replace(model, hasher=create_hasher("lsh", 16).fit(X))
    with (
        FileLock(tmp_path / "model" / ".lock"),
        pytest.raises(HashlensError, match="Another process is writing the model"),
    ):
        other.save(tmp_path / "model")
    assert load_model(tmp_path / "model").digest == model.digest


def test_the_network_lies_in_the_directory_under_its_checksum(model, tmp_path):
    network = tmp_path / "network.onnx"
    content = b"\x12\x0bone network"  # an ONNX model that states its producer alone
    network.write_bytes(content)
    replace(model, network=network).save(tmp_path / "model")
    read = load_model(tmp_path / "model")
    assert read.network.read_bytes() == content
    assert read.network_sha256 == hashlib.sha256(content).hexdigest()
    read.save(tmp_path / "model")  # from its own place
    assert load_model(tmp_path / "model").network == read.network
    model.save(tmp_path / "model")
    assert not list((tmp_path / "model").glob("*.onnx"))


@pytest.mark.parametrize("name", ["../secret.npz", "hasher.npz"])
def test_a_part_outside_of_the_directory_is_refused(model, tmp_path, name):
    model.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", arrays=name)
    with pytest.raises(FormatError, match="which is not part of a model"):
        load_model(tmp_path / "model")


def test_places_where_no_model_can_be_written_are_told_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ParameterError, match=r"photo\.jpg is not a folder"):
        check_model_folder(tmp_path / "photo.jpg" / "models" / "mine")
    with pytest.raises(ParameterError, match=r"photo\.jpg is not a folder"):
        check_model_folder(tmp_path / "photo.jpg")
    (tmp_path / "empty").mkdir()
    check_model_folder(tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty")
    check_model_folder(Path("new", "model"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for name in (".", "new/model"):
        with pytest.raises(ParameterError, match="empty may not be written to"):
            check_model_folder(Path(name))


def test_a_full_disk_leaves_the_old_model(model, tmp_path, monkeypatch):
    model.save(tmp_path / "model")

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(HashlensError, match="No space left"):
        replace(model, hasher=create_hasher("lsh", 16).fit(X)).save(tmp_path / "model")
    monkeypatch.undo()
    assert load_model(tmp_path / "model").digest == model.digest
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_a_newer_format_version_is_refused(model, tmp_path):
    model.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", format_version=4)
    with pytest.raises(FormatError, match="format version 4; this hashlens reads up to 3"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("find", [arrays_of, lambda folder: folder / "model.json"])
def test_a_missing_file_is_named(model, tmp_path, find):
    model.save(tmp_path / "model")
    path = find(tmp_path / "model")
    path.unlink()
    with pytest.raises(FormatError, match=path.name):
        load_model(tmp_path / "model")


def test_damaged_arrays_are_found_by_their_checksum(model, tmp_path):
    model.save(tmp_path / "model")
    path = arrays_of(tmp_path / "model")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        load_model(tmp_path / "model")


def test_a_changed_parameter_is_found_by_the_digest(model, tmp_path):
    model.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", digest="0" * 64)
    with pytest.raises(FormatError, match="does not have the digest"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("change", [{"hasher": {}}, {"hasher": None}, {"descriptor": {"name": 1}}])
def test_an_incomplete_manifest_is_refused(model, tmp_path, change):
    model.save(tmp_path / "model")
    edit_manifest(tmp_path / "model", **change)
    with pytest.raises(FormatError):
        load_model(tmp_path / "model")


def test_a_model_whose_network_is_not_at_hand_says_so(model, tmp_path):
    foreign = replace(model, spec=replace(model.spec, weights_sha256="0" * 64, name="other"))
    foreign.save(tmp_path / "model")
    with pytest.raises(FormatError, match="'other', and its network is missing"):
        load_model(tmp_path / "model").load_descriptor()


def test_an_unknown_model_says_what_was_expected():
    with pytest.raises(HashlensError, match="expected 'default' or a model directory"):
        load_model("no-such-model")
