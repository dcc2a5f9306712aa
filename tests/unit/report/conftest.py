"""A small described data set with images in memory, and models that are fitted on it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.described import DescribedDataset, DescribedImages
from hashlens.descriptors import Descriptor
from hashlens.descriptors.default import default_spec
from hashlens.errors import DataError
from hashlens.hashers import create_hasher
from hashlens.model.protocol_search import Search
from hashlens.report import report_document
from hashlens.training import train_model

NAMES = ("cats & dogs", "<script>alert(1)</script>", 'a "quoted" name', "plain", "last one")
DIMENSION = 32


class MadeImages(LabeledImages):
    """Plain squares, colored by label; some can't be read."""

    def __init__(self, part: str, labels, unreadable=()) -> None:
        self.part, self.labels, self.unreadable = part, labels, set(unreadable)

    def read(self, index: int) -> bytes:
        if index in self.unreadable:
            raise DataError("gone")
        buffer = io.BytesIO()
        label = int(np.argmax(self.labels[index])) if self.labels.ndim == 2 else self.labels[index]
        Image.new("RGB", (8, 8), (50 * int(label), 80, 120)).save(buffer, "PNG")
        return buffer.getvalue()

    def name(self, index: int) -> str:
        return f"{self.part}/<b>{index}</b>.png"


class NoNetwork(Descriptor):
    spec = replace(default_spec(), name="made", dimension=DIMENSION)

    def run(self, inputs):
        return np.ones((len(inputs), DIMENSION), np.float32)


def make_data(
    train: int = 90, test: int = 40, classes: int = 5, several: bool = False, **images
) -> DescribedDataset:
    centers = np.random.default_rng(9).standard_normal((classes, DIMENSION))
    names = NAMES if classes == len(NAMES) else tuple(f"class {n}" for n in range(classes))
    parts, described = [], []
    for part, count, seed in (("train", train, 0), ("test", test, 1)):
        rng = np.random.default_rng(seed)
        # The first image of either part could not be read, so rows are not numbers of images.
        labels = np.arange(count + 1) % classes
        vectors = centers[labels] + 1.5 * rng.standard_normal((count + 1, DIMENSION))
        if several:
            table = rng.random((count + 1, classes)) < 0.15
            table[np.arange(count + 1), labels] = True
            labels = table
        parts.append(MadeImages(part, labels, **images))
        described.append(
            DescribedImages(
                vectors[1:].astype(np.float32),
                labels[1:],
                [("first", "damaged")],
                f"digest {part}",
                np.arange(1, count + 1),
            )
        )
    dataset = Dataset(names, *parts, "made <here>")
    return DescribedDataset(*described, names, dataset.source, NoNetwork(), dataset)


def fit(data: DescribedDataset, protocol: str = "standard", method: str = "itq", **parameters):
    return train_model(data, create_hasher(method, 16, **parameters), protocol, seed=3)


def search_of(model, data: DescribedDataset) -> Search:
    training = model.training
    return model.search_protocol(data, training.protocol, training.split_seed)


def document_of(model, data: DescribedDataset, folder: Path, *command: str) -> dict:
    return report_document(model, data, search_of(model, data), folder, *command)


@pytest.fixture(scope="session")
def data() -> DescribedDataset:
    return make_data()


@pytest.fixture(scope="session")
def model(data):
    return fit(data)


@pytest.fixture
def model_folder(model, tmp_path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture(scope="session")
def document(data, model, tmp_path_factory) -> dict:
    folder = tmp_path_factory.mktemp("models") / "model"
    model.save(folder)
    return document_of(model, data, folder, "hashlens train it")
