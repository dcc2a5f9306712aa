"""A collection of the earlier format: read as it is, then migrated without encoding anything."""

import os
import shutil
import sqlite3
import stat
from contextlib import closing

import pytest

from hashlens.collection import Collection
from hashlens.collection.store import schema


@pytest.fixture
def former(collection, photos):
    """A closed collection with two copies and a bad file, its catalog rewritten as version 1.

    As in that version, each copy has a slot and a record of its own.
    """
    shutil.copy(photos / "a/00.png", photos / "copy.png")
    shutil.copy(photos / "a/00.png", photos / "b/copy.png")
    (photos / "bad.png").write_bytes(b"no picture")
    collection.index([photos], label_of=lambda path: "x" if "copy" in path else None)
    collection.remove([photos / "b/03.png"])
    storage = collection._storage
    rows = storage.catalog.files.all()
    code, descriptor = storage.record(rows[0].slot)
    files = {"codes": code, "descriptors": descriptor}
    for kind, record in files.items():
        with open(collection.folder / f"{kind}-000001.bin", "ab") as file:
            file.write(2 * record.tobytes())
    collection.close()
    rewrite(collection.folder / "catalog.sqlite", rows)
    return collection.folder


def rewrite(path, rows):
    with closing(sqlite3.connect(path)) as database, database:
        (slots,) = database.execute("SELECT value FROM meta WHERE key = 'slots'").fetchone()
        for table in ("files", "hidden", "segments"):
            database.execute(f"DROP TABLE {table}")
        roots = database.execute("SELECT path, kind FROM roots").fetchall()
        database.execute("DROP TABLE roots")
        for statement in schema.MIGRATIONS[0]:
            if "TABLE meta" not in statement and "TABLE dead" not in statement:
                database.execute(statement)
        database.executemany("INSERT INTO roots VALUES (?, ?)", roots)
        taken = set()
        for row in rows:
            slot = row.slot
            if slot in taken:
                slot, slots = slots, slots + 1
            taken.add(slot)
            state = "failed" if slot is None else "indexed"
            label = None if row.label is None else os.fsencode(row.label)
            values = (os.fsencode(row.path), state, slot, *row[1:4], label, row.reason)
            database.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("UPDATE meta SET value = ? WHERE key = 'slots'", (slots,))
        database.execute("PRAGMA user_version = 1")


def test_a_reader_searches_it_as_it_is(former, photos, model):
    before = (former / "catalog.sqlite").read_bytes()
    with Collection.open(former, model=model) as reader:
        assert len(reader) == 13
        assert len(reader.search(photos / "a/00.png", radius=0)) == 3
        assert len(reader.search(photos / "a/00.png", k=20, labels="x")) == 2
        assert len(reader.search(photos / "a/00.png", k=20, under=photos / "b")) == 6
        (group,) = reader.duplicates(0)
        assert len(group.paths) == 3
        assert [os.path.basename(path) for path, _ in reader.failures()] == ["bad.png"]
        assert reader.info().roots == [str(photos)]
        assert reader.prune(dry_run=True).files == 0
    assert (former / "catalog.sqlite").read_bytes() == before


def test_so_does_a_reader_without_write_permission(former, photos, model, monkeypatch):
    # Mocked, since root writes everywhere: the connection that such a reader gets.
    for path in former.glob("catalog.sqlite-*"):
        path.unlink()
    original = sqlite3.connect

    def connect(name, **options):
        return original(str(name).replace("mode=rw", "mode=ro&immutable=1"), **options)

    (former / "catalog.sqlite").chmod(stat.S_IRUSR)
    monkeypatch.setattr(sqlite3, "connect", connect)
    with Collection.open(former, model=model) as reader:
        assert len(reader.search(photos / "a/00.png", k=20)) == 13


def test_a_writer_migrates_it_and_encodes_nothing(former, photos, model, monkeypatch):
    with Collection.open(former, model=model) as reader:
        before = {hit.path: hit.distance for hit in reader.search(photos / "a/02.png", k=20)}

    def encode(*_):
        raise AssertionError("an image was encoded again")

    monkeypatch.setattr(type(model), "encode_pixels", encode)
    with Collection.open(former, write=True, model=model) as writer:
        assert (len(writer), len(writer.paths())) == (11, 13)
        report = writer.update()
        assert (report.unchanged, report.added, report.reused) == (13, 0, 0)
        assert [os.path.basename(path) for path, _ in report.unreadable] == ["bad.png"]
        rows = writer._storage.catalog.files.all()
        assert all(row.inode is not None for row in rows if row.slot is not None)
        (group,) = writer.duplicates(0)
        assert group.identical == [group.paths]
        assert len(group.paths) == 3
        assert {row.label for row in rows if "copy" in row.path} == {"x"}
    monkeypatch.undo()
    with Collection.open(former, model=model) as reader:
        hits = reader.search(photos / "a/02.png", k=20)
        assert {path: hit.distance for hit in hits for path in (hit.path, *hit.others)} == before
