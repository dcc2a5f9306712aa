"""The descriptor cache: found again, resumable, whole after a kill or a full disk."""

from io import FileIO

import numpy as np
import pytest

from hashlens.datasets import descriptor_cache as descriptor_cache
from hashlens.datasets.descriptor_cache import DescriptorCache
from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.default import default_spec
from hashlens.errors import DataError


def spec_of(dimension: int = 4) -> DescriptorSpec:
    return DescriptorSpec.from_dict(default_spec().to_dict() | {"dimension": dimension})


def keys_of(*numbers: int) -> list[bytes]:
    return [bytes([number]) * 32 for number in numbers]


VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_vectors_are_found_again_in_another_run(tmp_path):
    with DescriptorCache(tmp_path, spec_of()) as cache:
        cache.append(keys_of(1, 2), VECTORS[:2])
        cache.append(keys_of(3), VECTORS[2:])
    with DescriptorCache(tmp_path, spec_of()) as cache:
        assert len(cache) == 3
        np.testing.assert_array_equal(cache.vectors(keys_of(3, 1)), VECTORS[[2, 0]])
        assert keys_of(4)[0] not in cache


def test_another_descriptor_has_another_cache(tmp_path):
    with DescriptorCache(tmp_path, spec_of()) as cache:
        cache.append(keys_of(1), VECTORS[:1])
    with DescriptorCache(tmp_path, spec_of(5)) as cache:
        assert len(cache) == 0


@pytest.mark.parametrize("lost", [1, 31, 33])
def test_a_torn_end_is_forgotten_and_written_over(tmp_path, lost):
    with DescriptorCache(tmp_path, spec_of()) as cache:
        cache.append(keys_of(1, 2, 3), VECTORS)
        path = cache.folder / "keys.bin"
    path.write_bytes(path.read_bytes()[:-lost])
    kept = (96 - lost) // 32
    with DescriptorCache(tmp_path, spec_of()) as cache:
        assert len(cache) == kept
        cache.append(keys_of(9), VECTORS[2:])
    with DescriptorCache(tmp_path, spec_of()) as cache:
        assert len(cache) == kept + 1
        np.testing.assert_array_equal(cache.vectors(keys_of(1, 9)), VECTORS[[0, 2]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 8), (1, 4), (2, 4, 1)])
def test_vectors_of_another_shape_are_refused(tmp_path, shape):
    with DescriptorCache(tmp_path, spec_of()) as cache:
        cache.append(keys_of(1), VECTORS[:1])
        with pytest.raises(DataError, match=r"4 numbers an image\. .* shape \(2, 4\), got"):
            cache.append(keys_of(2, 3), np.zeros(shape, np.float32))
        np.testing.assert_array_equal(cache.vectors(keys_of(1)), VECTORS[:1])
        assert len(cache) == 1


def test_two_writers_at_once_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(descriptor_cache, "PATIENCE", 0.01)
    with (
        DescriptorCache(tmp_path, spec_of()),
        pytest.raises(DataError, match="Another process is writing"),
        DescriptorCache(tmp_path, spec_of()),
    ):
        pass


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_loses_nothing_that_was_kept(tmp_path, monkeypatch, failing):
    with DescriptorCache(tmp_path, spec_of()) as cache:
        cache.append(keys_of(1), VECTORS[:1])
        calls = iter(range(1, 9))

        class FullDisk(FileIO):
            def write(self, data):
                if next(calls) == failing:
                    raise OSError(28, "No space left on device")
                return super().write(data)

        for name in ("_keys", "_vectors"):
            monkeypatch.setattr(cache, name, FullDisk(getattr(cache, name).name, "r+"))
        with pytest.raises(DataError, match="No space left on device"):
            cache.append(keys_of(2), VECTORS[1:2])
    with DescriptorCache(tmp_path, spec_of()) as cache:
        assert len(cache) == 1
        np.testing.assert_array_equal(cache.vectors(keys_of(1)), VECTORS[:1])
