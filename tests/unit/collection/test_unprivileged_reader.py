"""A reader who may not write to a collection sees each commit of a writer, and is never misled."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from hashlens.collection import Collection

SUPPORT = Path(__file__).parents[2] / "support"
NOBODY = 65534

READER = """
    import os, sys
    sys.path.insert(0, sys.argv[2])
    import numpy as np
    from pixel_model import pixel_model
    from hashlens.collection import Collection

    model, pixels = pixel_model(), np.zeros((8, 8, 3), np.uint8)
    with Collection.open(sys.argv[1], model=model) as collection:
        collection.search(pixels)  # loads modules that the other user may not read
    os.setgid(int(sys.argv[3]))
    os.setuid(int(sys.argv[3]))
    try:
        open(os.path.join(sys.argv[1], "test"), "w")
        sys.exit("may write")
    except PermissionError:
        pass
    collection = Collection.open(sys.argv[1], model=model)
    for line in sys.stdin:
        hits = collection.search(pixels, k=1000)
        print(len(hits), len(collection), collection.info().images, flush=True)
"""


@pytest.fixture
def shared(model, picture):
    """A collection in a folder that others may read but not write."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        first = picture(Path(folder) / "photos" / "first.png", 1000)
        with Collection.create(Path(folder) / "collection", model) as collection:
            collection.index([first])
        yield Path(folder)


@pytest.fixture
def reader(shared):
    command = [sys.executable, "-c", textwrap.dedent(READER)]
    command += [str(shared / "collection"), str(SUPPORT), str(NOBODY)]
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )

    def ask() -> tuple[int, ...]:
        child.stdin.write("ask\n")
        child.stdin.flush()
        answer = child.stdout.readline()
        assert answer, child.stderr.read()
        return tuple(map(int, answer.split()))

    yield ask
    child.stdin.close()
    assert child.wait(20) == 0, child.stderr.read()
    child.stdout.close()
    child.stderr.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_commits_are_seen_before_while_and_after_a_writer_works(shared, reader, picture, model):
    photos, folder = shared / "photos", shared / "collection"
    assert reader() == (1, 1, 1)
    for seed in range(3):
        picture(photos / f"{seed}.png", seed)
    with Collection.open(folder, write=True, model=model) as writer:
        writer.index([photos])
        assert reader() == (4, 4, 4)
        picture(photos / "later.png", 100)
        writer.update()
        assert reader() == (5, 5, 5)
    assert reader() == (5, 5, 5)
    with Collection.open(folder, write=True, model=model) as writer:
        writer.remove([photos / "1.png"])
    assert reader() == (4, 4, 4)
    for round in range(5):
        with Collection.open(folder, write=True, model=model) as writer:
            picture(photos / f"round{round}.png", 200 + round)
            writer.update()
        assert reader() == (5 + round, 5 + round, 5 + round)
