"""A collection or model from a stranger: nothing is written through its links, nothing hangs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hashlens.collection import Collection
from hashlens.errors import HashlensError
from hashlens.model import load_model

FORMER = Path(__file__).parents[2] / "data" / "former"
PIXELS = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture(autouse=True)
def deadline():
    """End a test that hangs, as reading a pipe does."""
    signal.alarm(30)
    yield
    signal.alarm(0)


@pytest.fixture
def folder(tmp_path) -> Path:
    return Path(shutil.copytree(FORMER / "collection-v1", tmp_path / "collection"))


@pytest.fixture
def precious(tmp_path) -> Path:
    path = tmp_path / "precious.txt"
    path.write_text("mine")
    return path


def refusal_of(work: Callable[[], None]) -> str | None:
    """Return the message of the error of ours that ``work`` raises; any other is a failure."""
    try:
        work()
    except HashlensError as error:
        return str(error)
    return None


def use(folder: Path, photos: Path) -> None:
    """Do all that a receiver may do with a collection."""
    with Collection.open(folder, write=True) as collection:
        collection.index([photos])
        collection.update()
        collection.build_index()
        collection.remove([photos])
        collection.model.save(folder / "model")


@pytest.mark.parametrize(
    "name",
    [
        "writer.pid",
        "writer.lock",
        "creation.incomplete",
        "model/MODEL_CARD.md",
        "model/model.json",
        "model/.lock",
        "model/calibration.json",
        "catalog.sqlite",
        "catalog.sqlite-wal",
        "catalog.sqlite-shm",
        "codes-000001.bin",
        "descriptors-000001.bin",
        "codes.index",
    ],
)
@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_written_through_a_link(folder, precious, photos, name, dangling):
    target = precious.with_name("not-there.txt") if dangling else precious
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target)
    refusal = refusal_of(lambda: use(folder, photos))
    assert refusal is None or str(folder) in refusal
    assert precious.read_text() == "mine"
    assert not precious.with_name("not-there.txt").exists()


@pytest.mark.parametrize("kind", ["pipe", "folder"])
@pytest.mark.parametrize(
    "name",
    [
        "writer.pid",
        "writer.lock",
        "catalog.sqlite",
        "catalog.sqlite-wal",
        "codes-000001.bin",
        "codes.index",
        "model/model.json",
        "model/calibration.json",
        "model/MODEL_CARD.md",
    ],
)
def test_pipes_and_folders_in_the_place_of_files_are_refused_and_never_waited_for(
    folder, photos, name, kind
):
    (folder / name).unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()
    for work in (lambda: use(folder, photos), lambda: search(folder)):
        refusal = refusal_of(work)
        assert refusal is None or str(folder) in refusal


def search(folder: Path) -> None:
    with Collection.open(folder) as collection:
        collection.search(PIXELS)
        collection.verify()
        collection.info()
    load_model(folder / "model")
