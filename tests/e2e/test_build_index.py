"""`hashlens index --build` as a process: what it says, and that it may be killed at any moment."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pixel_model import pixel_model

from hashlens.collection import Collection
from hashlens.collection.store import Change, FileRow

HASHLENS = Path(sys.executable).with_name("hashlens")
BUILD_FOR_EVER = """
import sys
from hashlens.collection import Collection
with Collection.open(sys.argv[1], write=True) as collection:
    print("started", flush=True)
    while True:
        collection.build_index()
"""


@pytest.fixture
def folder(tmp_path):
    """A collection of 20,000 codes of no images."""
    codes = np.random.default_rng(0).integers(0, 256, (20_000, 8)).astype(np.uint8)
    with Collection.create(tmp_path / "collection", pixel_model()) as made:
        made._storage.commit(
            [
                Change(FileRow(f"/{number}", 1, 1, None, None), code)
                for number, code in enumerate(codes)
            ]
        )
    return tmp_path / "collection"


def run(*arguments, code=0):
    command = [HASHLENS, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_the_command_saves_it_and_info_says_so(folder):
    assert json.loads(run("info", "--json", "-c", folder).stdout)["saved_index"] == "none"
    assert "index of 20,000 images saved" in run("index", "--build", "-c", folder).stdout
    size = json.loads(run("index", "--build", "--json", "-c", folder).stdout)["index_bytes"]
    path = folder / "codes.index"
    assert size == path.stat().st_size
    assert json.loads(run("info", "--json", "-c", folder).stdout)["saved_index"] == "fresh"
    run("info", "--verify", "-c", folder)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "codes.index" in run("info", "--verify", "-c", folder, code=1).stderr


def test_without_paths_and_build_there_is_nothing_to_do(folder):
    assert "--build" in run("index", "-c", folder, code=2).stderr


def test_a_killed_build_leaves_a_whole_index(folder):
    with Collection.open(folder, write=True) as collection:
        collection.build_index()
    rng = np.random.default_rng(0)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", BUILD_FOR_EVER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout.readline() == "started\n"
            time.sleep(rng.uniform(0, 0.2))
            child.send_signal(signal.SIGKILL)
        with Collection.open(folder) as reader:
            assert reader.info().saved_index == "fresh"
            assert reader.verify() == []
    with Collection.open(folder, write=True) as collection:
        collection.build_index()
    assert [path.name for path in folder.glob("codes.index*")] == ["codes.index"]
