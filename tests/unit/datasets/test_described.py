"""Describing a data set: once an image, whatever is interrupted, bad images named."""

import io

import numpy as np
import pytest
from filelock import FileLock
from linear_network import SIZE
from PIL import Image

from hashlens.datasets.dataset import LabeledImages
from hashlens.datasets.described import describe_images
from hashlens.datasets.descriptor_cache import DescriptorCache
from hashlens.descriptors import load_descriptor
from hashlens.errors import DataError


class InMemory(LabeledImages):
    def __init__(self, contents, labels):
        self.contents = contents
        self.labels = np.asarray(labels, dtype=np.int64)

    def read(self, index):
        return self.contents[index]

    def name(self, index):
        return f"image {index}"


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def descriptor(network):
    return load_descriptor(f"onnx:{network}")


def test_vectors_are_those_of_the_images_in_their_order(descriptor, tmp_path):
    images = InMemory([png(seed) for seed in range(40)], np.arange(40) % 3)
    cache = DescriptorCache(tmp_path / "cache", descriptor.spec)
    found = describe_images(images, descriptor, cache)
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in images.contents])
    np.testing.assert_allclose(found.vectors, descriptor.describe(pixels), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.labels, images.labels)


def test_nothing_is_described_twice(descriptor, tmp_path, monkeypatch):
    images = InMemory([png(seed) for seed in (1, 2, 1)], [0, 1, 0])
    described = []
    run = descriptor.run
    monkeypatch.setattr(descriptor, "run", lambda x: described.append(len(x)) or run(x))
    cache = DescriptorCache(tmp_path / "cache", descriptor.spec)
    first = describe_images(images, descriptor, cache)
    again = describe_images(images, descriptor, cache)
    assert sum(described) == 2
    np.testing.assert_array_equal(first.vectors, again.vectors)
    np.testing.assert_array_equal(first.vectors[0], first.vectors[2])


def test_an_interrupted_run_goes_on_where_it_was(descriptor, tmp_path, monkeypatch):
    for constant in ("_BATCH", "_COMMIT"):
        monkeypatch.setattr(f"hashlens.datasets.cached_images.{constant}", 32)
    images = InMemory([png(seed) for seed in range(100)], [0] * 100)
    run, calls = descriptor.describe, []

    def interrupted(inputs):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(len(inputs))
        return run(inputs)

    monkeypatch.setattr(descriptor, "describe", interrupted)
    with pytest.raises(KeyboardInterrupt):
        describe_images(images, descriptor, DescriptorCache(tmp_path / "c", descriptor.spec))
    calls.clear()
    monkeypatch.setattr(descriptor, "describe", lambda x: calls.append(len(x)) or run(x))
    cache = DescriptorCache(tmp_path / "c", descriptor.spec)
    assert len(cache) == 64
    assert len(describe_images(images, descriptor, cache).vectors) == 100
    assert sum(calls) == 36


def test_bad_images_are_named_and_left_out(descriptor, tmp_path):
    broken = png(1)[:60]
    images = InMemory([png(0), broken, png(2), broken], [0, 1, 2, 1])
    cache = DescriptorCache(tmp_path / "cache", descriptor.spec)
    found = describe_images(images, descriptor, cache)
    assert [name for name, _ in found.failed] == ["image 1", "image 3"]
    np.testing.assert_array_equal(found.labels, [0, 2])
    assert len(found.vectors) == 2


def test_no_readable_image_is_an_error(descriptor, tmp_path):
    images = InMemory([b"", b"text"], [0, 1])
    cache = DescriptorCache(tmp_path / "cache", descriptor.spec)
    with pytest.raises(DataError, match="None of the 2 images can be read"):
        describe_images(images, descriptor, cache)


def test_the_digest_tells_data_not_order(descriptor, tmp_path):
    contents = [png(seed) for seed in range(3)]
    cache = DescriptorCache(tmp_path / "cache", descriptor.spec)
    digests = [
        describe_images(InMemory(images, labels), descriptor, cache).digest
        for images, labels in (
            (contents, [0, 1, 2]),
            (contents[::-1], [2, 1, 0]),
            (contents, [0, 1, 1]),
        )
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_bad_image_does_not_make_a_reader_wait_for_a_writer(descriptor, tmp_path):
    cache = DescriptorCache(tmp_path / "cache", descriptor.spec)
    describe_images(InMemory([png(0), png(1)], [0, 1]), descriptor, cache)
    messages = []
    with FileLock(cache.folder / "lock"):
        images = InMemory([png(0), png(1)[:60], png(1)], [0, 1, 1])
        found = describe_images(images, descriptor, cache, on_message=messages.append)
    assert (len(found.vectors), len(found.failed), messages) == (2, 1, [])
