"""Model directories: what is written is read; what is damaged, foreign or newer is refused."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hashlens.descriptors.default import default_spec
from hashlens.encoder import Encoder, check_model_folder, load_encoder
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


def test_files_of_the_user_stay_when_another_model_takes_the_place(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    for name in ("NOTES.md", "report.html", f".model.json.{'0' * 32}"):
        (tmp_path / "model" / name).write_text("mine")
    other = replace(encoder, hasher=create_hasher("lsh", 16).fit(X))
    other.save(tmp_path / "model")
    found = {path.name for path in (tmp_path / "model").iterdir()}
    # The report is of the other model.
    assert found == {"MODEL_CARD.md", "NOTES.md", "hasher.npz", "model.json"}
    assert (tmp_path / "model" / "NOTES.md").read_text() == "mine"


def test_saving_the_same_model_again_writes_only_what_is_said_about_it(encoder, tmp_path):
    encoder.save(tmp_path / "model")
    folder, arrays = tmp_path / "model", tmp_path / "model" / "hasher.npz"
    before = folder.stat().st_ino, arrays.stat().st_ino
    (folder / "report.html").touch()
    replace(encoder, metrics={"top5": 0.25}).save(folder)
    assert (folder.stat().st_ino, arrays.stat().st_ino) == before
    assert Encoder.load(folder).metrics == {"top5": 0.25}
    assert "report" in (folder / "MODEL_CARD.md").read_text()
    arrays.write_bytes(b"damaged")
    encoder.save(folder)
    assert Encoder.load(folder).digest == encoder.digest


KILLED_SAVE = """
import os, pathlib, shutil, signal, sys
from hashlens.encoder import Encoder
owner, name = (shutil, "rmtree") if sys.argv[3] == "clear" else (pathlib.Path, "rename")
work, left = getattr(owner, name), [2 if sys.argv[3] == "second" else 1]
def deadly(*arguments, **named):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(*arguments, **named)
setattr(owner, name, deadly)
Encoder.load(pathlib.Path(sys.argv[1])).save(pathlib.Path(sys.argv[2]))
"""


@pytest.mark.parametrize(("point", "new"), [("first", False), ("second", True), ("clear", True)])
def test_a_kill_while_a_model_is_overwritten_leaves_one_of_the_two(encoder, tmp_path, point, new):
    other = replace(encoder, hasher=create_hasher("lsh", 16).fit(X))
    place, target = tmp_path / "place", tmp_path / "place" / "model"
    encoder.save(target)
    (target / "NOTES.md").write_text("mine")
    other.save(tmp_path / "other")
    done = subprocess.run([sys.executable, "-c", KILLED_SAVE, tmp_path / "other", target, point])
    assert done.returncode == -signal.SIGKILL
    assert load_encoder(target).digest == (other if new else encoder).digest
    encoder.save(target)
    assert Encoder.load(target).digest == encoder.digest
    assert (target / "NOTES.md").read_text() == "mine"
    assert [path.name for path in place.iterdir()] == ["model"]


def test_places_where_no_model_can_be_written_are_told_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(ParameterError, match=r"photo\.jpg is not a folder"):
        check_model_folder(tmp_path / "photo.jpg" / "models" / "mine")
    (tmp_path / "empty").mkdir()
    check_model_folder(tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty")
    for name in (".", "../empty", ".."):
        with pytest.raises(ParameterError, match="is the folder that you are in"):
            check_model_folder(Path(name))
    check_model_folder(Path("new", "model"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ParameterError, match="empty may not be written to"):
        check_model_folder(Path("new", "model"))


def test_a_full_disk_leaves_the_old_model(encoder, tmp_path, monkeypatch):
    encoder.save(tmp_path / "model")

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(HashlensError, match="No space left"):
        replace(encoder, hasher=create_hasher("lsh", 16).fit(X)).save(tmp_path / "model")
    monkeypatch.undo()
    assert Encoder.load(tmp_path / "model").digest == encoder.digest
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
