"""The descriptor cache: found again, resumable, whole after a kill or a full disk, shared."""

import multiprocessing

import numpy as np
import pytest

from hashlens.datasets import descriptor_cache
from hashlens.datasets.descriptor_cache import DescriptorCache
from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.default import default_spec
from hashlens.errors import DataError


def spec_of(dimension: int = 4) -> DescriptorSpec:
    return DescriptorSpec.from_dict(default_spec().to_dict() | {"dimension": dimension})


def keys_of(*numbers: int) -> list[bytes]:
    return [bytes([number]) * 32 for number in numbers]


VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def append(cache, numbers, vectors):
    keys = keys_of(*numbers)
    with cache.writer(keys) as writer:
        writer.append(keys, vectors)


@pytest.fixture
def cache(tmp_path):
    return DescriptorCache(tmp_path / "caches", spec_of())


def again(cache):
    return DescriptorCache(cache.folder.parent, spec_of())


def test_vectors_are_found_again_in_another_run(cache):
    with cache.writer(keys_of(1, 2, 3)) as writer:
        writer.append(keys_of(1, 2), VECTORS[:2])
        writer.append(keys_of(3), VECTORS[2:])
    found = again(cache)
    assert len(found) == 3
    np.testing.assert_array_equal(found.vectors(keys_of(3, 1)), VECTORS[[2, 0]])
    assert keys_of(4)[0] not in found


def test_another_descriptor_has_another_cache(cache):
    append(cache, [1], VECTORS[:1])
    assert len(DescriptorCache(cache.folder.parent, spec_of(5))) == 0


def test_looking_makes_no_folder(cache):
    assert keys_of(1)[0] not in cache
    assert not cache.folder.parent.exists()


@pytest.mark.parametrize("lost", [1, 31, 33])
def test_a_torn_end_is_forgotten_and_written_over(cache, lost):
    append(cache, [1, 2, 3], VECTORS)
    path = cache.folder / "keys.bin"
    path.write_bytes(path.read_bytes()[:-lost])
    kept = (96 - lost) // 32
    torn = again(cache)
    assert len(torn) == kept
    append(torn, [9], VECTORS[2:])
    found = again(cache)
    assert len(found) == kept + 1
    np.testing.assert_array_equal(found.vectors(keys_of(1, 9)), VECTORS[[0, 2]])


def test_keys_without_rows_never_come_back(cache):
    append(cache, [1, 2, 3], VECTORS)
    rows = cache.folder / "vectors.f32"
    rows.write_bytes(rows.read_bytes()[:16])
    append(again(cache), [9], VECTORS[2:])
    found = again(cache)
    assert len(found) == 2
    append(found, [8], VECTORS[1:2])
    found = again(cache)
    assert [key in found for key in keys_of(1, 2, 3, 8, 9)] == [True, False, False, True, True]
    np.testing.assert_array_equal(found.vectors(keys_of(9, 8)), VECTORS[[2, 1]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 8), (1, 4), (2, 4, 1)])
def test_vectors_of_another_shape_are_refused(cache, shape):
    append(cache, [1], VECTORS[:1])
    with pytest.raises(DataError, match=r"4 numbers per image\. .* shape \(2, 4\), got"):
        append(cache, [2, 3], np.zeros(shape, np.float32))
    np.testing.assert_array_equal(cache.vectors(keys_of(1)), VECTORS[:1])
    assert len(cache) == 1


@pytest.mark.parametrize("failing", [1, 2])
def test_a_full_disk_loses_nothing_that_was_kept(cache, monkeypatch, failing):
    append(cache, [1], VECTORS[:1])
    calls, write_all = iter(range(1, 9)), descriptor_cache.write_all

    def full_disk(file, data, offset):
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        write_all(file, data, offset)

    monkeypatch.setattr(descriptor_cache, "write_all", full_disk)
    with pytest.raises(DataError, match="No space left on device"):
        append(cache, [2], VECTORS[1:2])
    found = again(cache)
    assert len(found) == 1
    np.testing.assert_array_equal(found.vectors(keys_of(1)), VECTORS[:1])


# What follows is done with processes of their own, as two commands are.


def write_slowly(root, started, go_on):
    """Write key 1, then, when told so, key 2, and keep the lock until told once more."""
    cache = DescriptorCache(root, spec_of())
    with cache.writer(keys_of(1, 2)) as writer:
        writer.append(keys_of(1), VECTORS[:1])
        started.set()
        assert go_on[0].wait(60)
        writer.append(keys_of(2), VECTORS[1:2])
        assert go_on[1].wait(60)


@pytest.fixture
def other(cache):
    """Another process that writes to the cache: events that let it go on."""
    context = multiprocessing.get_context("spawn")
    started, go_on = context.Event(), (context.Event(), context.Event())
    process = context.Process(target=write_slowly, args=(cache.folder.parent, started, go_on))
    process.start()
    assert started.wait(60)
    yield go_on
    for event in go_on:
        event.set()
    process.join(60)
    assert process.exitcode == 0


def test_reading_needs_no_lock_while_another_process_writes(cache, other):
    cache.refresh()
    np.testing.assert_array_equal(cache.vectors(keys_of(1)), VECTORS[:1])
    append(cache, [1], VECTORS[:1])
    assert len(cache) == 1


def test_a_second_writer_waits_says_so_and_picks_up_what_the_other_wrote(cache, other):
    messages = []

    def told(text):
        messages.append(text)
        other[0].set()
        other[1].set()

    with cache.writer(keys_of(2, 3), told) as writer:
        writer.append(keys_of(2, 3), np.stack([VECTORS[1] + 100, VECTORS[2]]))
    assert messages == [f"waiting for another process that writes to {cache.folder}"]
    found = again(cache)
    assert len(found) == 3
    np.testing.assert_array_equal(found.vectors(keys_of(1, 2, 3)), VECTORS)


def test_a_second_writer_waits_no_longer_than_for_what_it_wants(cache, other):
    with cache.writer(keys_of(2), lambda text: other[0].set()) as writer:
        writer.append(keys_of(2), VECTORS[1:2])  # returns though the other still has the lock
    assert not other[1].is_set()
    np.testing.assert_array_equal(cache.vectors(keys_of(2)), VECTORS[1:2])


def test_the_lock_of_a_process_that_was_killed_is_free(cache):
    context = multiprocessing.get_context("spawn")
    started, go_on = context.Event(), (context.Event(), context.Event())
    process = context.Process(target=write_slowly, args=(cache.folder.parent, started, go_on))
    process.start()
    assert started.wait(60)
    process.kill()
    process.join(60)
    append(cache, [3], VECTORS[2:])
    np.testing.assert_array_equal(again(cache).vectors(keys_of(1, 3)), VECTORS[[0, 2]])
