"""Folders of small distinct pictures, and a model that needs no network."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pixel_model import pixel_model

from hashlens.collection import Collection


@pytest.fixture
def tmp_path(tmp_path):
    """A folder in memory where there is such a thing: fsync costs nothing there."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def model():
    return pixel_model()


@pytest.fixture(scope="session")
def picture():
    """Save a picture that is unlike those of other seeds."""

    def save(path, seed):
        blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(blocks).resize((48, 48), Image.Resampling.NEAREST).save(path)
        return path

    return save


@pytest.fixture
def photos(tmp_path, picture):
    """Twelve pictures in two folders, named 00.png to 11.png."""
    folder = tmp_path / "photos"
    for seed in range(12):
        picture(folder / "ab"[seed % 2] / f"{seed:02d}.png", seed)
    return folder


@pytest.fixture
def collection(tmp_path, model):
    with Collection.create(tmp_path / "collection", model, keep_descriptors=True) as made:
        yield made


@pytest.fixture
def contents():
    """Return all that a collection knows about its images, whatever their slots."""

    def read(collection):
        storage = collection._storage
        found = {}
        for row in storage.catalog.files.all():
            record = None
            if row.slot is not None:
                code, descriptor = storage.record(row.slot)
                record = (code.tobytes(), None if descriptor is None else descriptor.tobytes())
            found[row.path] = (row.size, row.mtime_ns, row.content, row.label, row.reason, record)
        return found

    return read
