"""Closing a collection while other threads use it: what is under way ends, the rest is refused."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hashlens.collection import Collection
from hashlens.errors import CollectionError

SUPPORT = Path(__file__).parents[2] / "support"

SEARCH_AND_CLOSE = """
    import sys, threading, time
    sys.path.insert(0, sys.argv[2])
    import numpy as np
    from pixel_model import pixel_model
    from hashlens.collection import Collection
    from hashlens.errors import CollectionError

    model, pixels = pixel_model(), np.zeros((8, 8, 3), np.uint8)
    refused = answered = 0

    def search(collection):
        global refused, answered
        while True:
            try:
                assert len(collection.search(pixels, k=5)) == 5
                answered += 1
            except CollectionError as error:
                assert "is closed" in str(error), error
                refused += 1
                return

    for round in range(200):
        collection = Collection.open(sys.argv[1], model=model)
        threads = [threading.Thread(target=search, args=(collection,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.001 * (round % 5))
        collection.close()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
    print(refused, answered)
"""


def test_closing_200_times_while_8_threads_search_crashes_nothing(collection, photos):
    collection.index([photos])
    collection.close()
    code = textwrap.dedent(SEARCH_AND_CLOSE)
    command = [sys.executable, "-c", code, str(collection.folder), str(SUPPORT)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    refused, answered = map(int, run.stdout.split())
    assert refused == 8 * 200
    assert answered > 0


@pytest.mark.parametrize(
    "use",
    [
        lambda c: c.search(b""),
        lambda c: c.index(["."]),
        lambda c: c.update(),
        lambda c: c.info(),
        lambda c: len(c),
        lambda c: c.verify(),
        lambda c: c.duplicates(3),
    ],
)
def test_a_closed_collection_says_so(collection, use):
    collection.close()
    collection.close()
    with pytest.raises(CollectionError, match=r"is closed\. Open it again"):
        use(collection)


def test_the_writers_lock_is_free_after_closing(collection):
    collection.close()
    with Collection.open(collection.folder, write=True):
        pass


def test_a_closed_collection_can_be_shown(collection):
    assert repr(collection) == f"Collection({str(collection.folder)!r}, bits={collection.bits})"
    collection.close()
    assert repr(collection) == f"Collection({str(collection.folder)!r}, closed)"
