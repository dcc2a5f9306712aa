"""A full disk or an interrupt at any instant: a clear error, and nothing committed is lost."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hashlens.collection import Collection, indexing
from hashlens.collection.store import Storage
from hashlens.errors import CollectionError, HashlensError
from hashlens.files.records import RecordFile

SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture(autouse=True)
def small_commits(monkeypatch):
    monkeypatch.setattr(indexing, "_COMMIT_IMAGES", 4)
    monkeypatch.setattr(indexing, "_BATCH", 2)


class Interruption:
    """Let calls through to functions of ``os`` until the n-th, which fails."""

    def __init__(self, monkeypatch, names, fail):
        self.calls, self.fail_at, self._fail = 0, None, fail
        for name in names:
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, original):
        def call(*arguments, **options):
            self.calls += 1
            if self.fail_at is not None and self.calls >= self.fail_at:
                self._fail(original, *arguments)
            return original(*arguments, **options)

        return call


def no_space(original, *arguments):
    if original is os_pwrite and len(arguments[1]) > 1:
        original(arguments[0], arguments[1][: len(arguments[1]) // 2], arguments[2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


os_pwrite = os.pwrite


@pytest.fixture
def undisturbed(tmp_path, model, photos, contents):
    """What a collection knows after a run that nothing disturbed."""
    with Collection.create(tmp_path / "undisturbed", model, keep_descriptors=True) as other:
        other.index([photos])
        return contents(other)


# Three commits of four images; each writes codes, syncs them, writes descriptors, syncs them.
@pytest.mark.parametrize("at", range(1, 13))
def test_a_full_disk_at_each_write(collection, photos, undisturbed, contents, monkeypatch, at):
    disk = Interruption(monkeypatch, ["pwrite", "fsync"], no_space)
    disk.fail_at = at
    with pytest.raises(CollectionError, match=r"disk is full.*committed before is kept"):
        collection.index([photos])
    disk.fail_at = None
    committed = (at - 1) // 4 * 4
    assert len(collection) == committed
    assert collection.verify() == []
    # What the failed write left behind was given back.
    assert (collection.folder / "codes-000001.bin").stat().st_size == 128 + 8 * committed
    assert collection.index([photos]).added == 12 - committed
    assert contents(collection) == undisturbed
    assert collection.verify() == []


def limit_pages(collection, extra):
    """Let the catalog grow by so many pages only: SQLite itself reports a full disk then."""
    database = collection._storage.catalog._database
    pages = database.value("PRAGMA page_count")
    database.all(f"PRAGMA max_page_count = {pages + extra}")


def test_a_full_disk_in_the_catalog(collection, photos, picture):
    collection.index([photos])
    for seed in range(100, 160):
        picture(photos / "many" / f"{'long-name-' * 15}{seed}.png", seed)
    limit_pages(collection, 3)
    with pytest.raises(CollectionError, match="disk is full"):
        collection.index([photos])
    assert 12 < len(collection) < 72
    assert collection.verify() == []
    limit_pages(collection, 100_000)
    collection.index([photos])
    assert len(collection) == 72
    assert collection.verify() == []


@pytest.mark.parametrize("at", range(1, 12))
def test_a_full_disk_while_creating(tmp_path, model, photos, monkeypatch, at):
    disk = Interruption(monkeypatch, ["pwrite", "fsync"], no_space)
    disk.fail_at = at
    with pytest.raises(HashlensError, match=r"disk is full|No space left"):
        Collection.create(tmp_path / "c", model, keep_descriptors=True)
    disk.fail_at = None
    with Collection.create(tmp_path / "c", model, keep_descriptors=True) as made:
        assert made.index([photos]).added == 12


FULL = """
    import resource, sys
    from pixel_model import pixel_model
    from hashlens.collection import Collection
    from hashlens.errors import CollectionError

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # No file may grow from here on.
    with Collection.open(sys.argv[1], model=pixel_model()) as collection:
        print(len(collection), len(collection.search(sys.argv[2] + "/a/00.png", k=5)))
    try:
        with Collection.open(sys.argv[1], write=True, model=pixel_model()) as collection:
            collection.index([sys.argv[2]])
    except CollectionError as error:
        print(error)
"""


def test_on_a_full_disk_one_can_still_search(collection, photos, picture):
    collection.index([photos])
    collection.close()
    picture(photos / "new.png", 50)
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), str(collection.folder), str(photos)],
        env=os.environ | {"PYTHONPATH": str(SUPPORT)},
        capture_output=True,
        text=True,
    )
    found, error = child.stdout.splitlines()
    assert found == "12 5"
    assert "catalog.sqlite failed" in error
    with Collection.open(collection.folder) as again:
        assert len(again) == 12
        assert again.verify() == []


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_a_full_disk_while_compacting(collection, photos, contents, monkeypatch, at):
    collection.index([photos])
    collection.remove([photos / "a"])
    before = contents(collection)
    disk = Interruption(monkeypatch, ["pwrite", "fsync"], no_space)
    disk.fail_at = at
    with pytest.raises(CollectionError, match="disk is full"):
        collection._storage.compact()
    disk.fail_at = None
    assert contents(collection) == before
    assert collection.verify() == []
    assert len(list(collection.folder.glob("*.bin"))) == 2
    collection._storage.compact()
    assert contents(collection) == before
    assert collection.verify() == []


def test_an_interrupt_keeps_what_was_finished_and_says_so(collection, photos, model, contents):
    def interrupt(step, done, total):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"after 7 of 12 files.*run the same command again"):
        collection.index([photos], on_progress=interrupt)
    kept = len(collection)
    assert 4 <= kept <= 7
    assert collection.verify() == []
    report = collection.update()
    assert (report.added, report.unchanged) == (12 - kept, kept)


@pytest.mark.parametrize("at", range(1, 13))
def test_an_interrupt_at_each_write(collection, photos, undisturbed, contents, monkeypatch, at):
    def interrupt(original, *arguments):
        calls.fail_at = None
        raise KeyboardInterrupt

    calls = Interruption(monkeypatch, ["pwrite", "fsync"], interrupt)
    calls.fail_at = at
    with pytest.raises(KeyboardInterrupt, match="run the same command again"):
        collection.index([photos])
    assert collection.verify() == []
    found = contents(collection)
    assert len(found) >= (at - 1) // 4 * 4
    assert {path: undisturbed[path] for path in found} == found
    collection.update()
    assert contents(collection) == undisturbed


def test_an_interrupt_just_after_a_commit_commits_nothing_twice(
    collection, photos, undisturbed, contents, monkeypatch
):
    commit = Storage.commit

    def interrupted(self, changes):
        commit(self, changes)
        if len(collection) == 8:
            monkeypatch.setattr(Storage, "commit", commit)
            raise KeyboardInterrupt

    monkeypatch.setattr(Storage, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        collection.index([photos])
    state = collection._storage.catalog.state()
    assert state.slots == len(collection) >= 8
    collection.update()
    assert contents(collection) == undisturbed


def test_an_interrupt_after_a_compaction_was_committed(collection, photos, contents, monkeypatch):
    collection.index([photos])
    collection.remove([photos / "a"])
    before = contents(collection)

    def interrupt(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # The old files are closed once the new ones count.
        patch.setattr(RecordFile, "close", interrupt)
        with pytest.raises(KeyboardInterrupt):
            collection._storage.compact()
    assert contents(collection) == before
    assert collection.index([photos / "a"]).added == 6
    assert collection.verify() == []
