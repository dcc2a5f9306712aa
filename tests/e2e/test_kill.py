"""Kill -9 at random moments: the collection opens, and ends as after an undisturbed run.

``HASHLENS_KILLS=50 pytest tests/e2e/test_kill.py`` kills more often.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pixel_model import pixel_model

from hashlens.collection import Collection

CHILD = Path(__file__).parents[1] / "support" / "index_child.py"
KILLS = int(os.environ.get("HASHLENS_KILLS", "5"))


def start(mode, folder, photos):
    """Start a child that works on a collection, and wait until it has begun."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), mode, str(folder), str(photos)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "started\n"
    return child


def state_of(collection):
    """Return all that a collection knows, slot by slot."""
    rows = collection._storage.catalog.files.all()
    with collection._storage.snapshot() as snapshot:
        codes, descriptors = snapshot.codes, snapshot.descriptors
        return {
            row: None
            if row.slot is None
            else (codes[row.slot].tobytes(), descriptors[row.slot].tobytes())
            for row in rows
        }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Four hundred small pictures, among them copies and bad files."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(400):
        path = folder / f"{number % 7}" / f"{number:03d}.png"
        path.parent.mkdir(exist_ok=True)
        if number % 50 == 49:
            path.write_bytes(b"no picture")
        elif number % 20 == 19:
            shutil.copy(path.parent / f"{number - 7:03d}.png", path)
        else:
            Image.fromarray(rng.integers(0, 256, (8, 8, 3)).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def undisturbed(photos, tmp_path_factory):
    """The end state of a run that nothing disturbs, and the seconds that it takes."""
    folder = tmp_path_factory.mktemp("undisturbed") / "collection"
    Collection.create(folder, pixel_model(), keep_descriptors=True).close()
    with start("index", folder, photos) as child:
        begun = time.monotonic()
        assert child.wait() == 0
        seconds = time.monotonic() - begun
    with Collection.open(folder) as collection:
        state = state_of(collection)
    assert len(state) == 400
    return state, seconds


@pytest.mark.parametrize("attempt", range(KILLS))
def test_killed_while_indexing(tmp_path, photos, undisturbed, attempt):
    expected, seconds = undisturbed
    folder = tmp_path / "collection"
    Collection.create(folder, pixel_model(), keep_descriptors=True).close()
    moments = np.random.default_rng(attempt).uniform(0, seconds, 2)
    for moment in moments:  # The second kill hits a run that goes on after the first.
        with start("index", folder, photos) as child:
            time.sleep(moment)
            child.kill()
        with Collection.open(folder) as reader:
            assert reader.verify() == []
            kept = state_of(reader)
        assert {row: expected[row] for row in kept} == kept
    with Collection.open(folder, write=True, model=pixel_model()) as collection:
        report = collection.update()
        assert state_of(collection) == expected
        assert collection.verify() == []
    assert report.unchanged == sum(row.slot is not None for row in kept)


def test_interrupted_by_the_user(tmp_path, photos, undisturbed):
    expected, _ = undisturbed
    folder = tmp_path / "collection"
    Collection.create(folder, pixel_model(), keep_descriptors=True).close()
    with start("index-slowly", folder, photos) as child, Collection.open(folder) as reader:
        while len(reader) == 0:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, message = child.communicate()
    assert child.returncode != 0
    assert "KeyboardInterrupt: Interrupted after" in message
    with Collection.open(folder, write=True, model=pixel_model()) as collection:
        kept = state_of(collection)
        assert {row: expected[row] for row in kept} == kept
        assert 0 < len(kept) < len(expected)
        collection.update()
        assert state_of(collection) == expected


@pytest.mark.parametrize("attempt", range(max(1, KILLS // 5)))
def test_killed_while_compacting(tmp_path, photos, attempt):
    folder = tmp_path / "collection"
    with Collection.create(folder, pixel_model(), keep_descriptors=True) as collection:
        collection.index([photos])
        collection.remove([photos / "3"])
        before = {row.path: record for row, record in state_of(collection).items()}
    with start("compact", folder, photos) as child:
        time.sleep(np.random.default_rng(attempt).uniform(0, 1))
        child.kill()
    for write in (False, True):
        with Collection.open(folder, write=write) as collection:
            assert collection.verify() == []
            assert {row.path: record for row, record in state_of(collection).items()} == before
    assert len(list(folder.glob("*.bin"))) == 2
