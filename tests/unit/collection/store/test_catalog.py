"""The catalog: rows by path and slot, all or nothing, migrated step by step."""

import os
import sqlite3
import threading

import pytest

from hashlens.collection.store import Catalog, CatalogState, FileRow, is_catalog, schema
from hashlens.collection.store import catalog as catalog_module
from hashlens.collection.store import database as database_module
from hashlens.errors import CollectionError, FormatError

STATE = CatalogState(64, "digest", None)


@pytest.fixture
def catalog(tmp_path):
    made = Catalog.create(tmp_path, STATE)
    yield made
    made.close()


def row(path, slot=None, content=b"c", **known):
    return FileRow(path, 10, 20, content, slot, **known)


def put(catalog, *rows):
    with catalog.transaction():
        for each in rows:
            catalog.files.put(each)


def test_rows_come_back_as_they_were_put(catalog):
    rows = [row("/a", 0, label="cat"), row("/b", reason="damaged"), row("/c", 1)]
    put(catalog, *rows)
    assert catalog.files.all() == rows
    assert catalog.files.get("/b") == rows[1]
    assert catalog.files.get("/nothing") is None
    assert catalog.files.by_slot([1, 0, 7]) == {0: rows[0], 1: rows[2]}
    assert catalog.files.failed_count() == 1


def test_paths_are_bytes(catalog):
    name = os.fsdecode(b"/photos/caf\xe9.png")
    put(catalog, row(name, 0))
    assert catalog.files.get(name).path == name


def test_rows_below_a_path_are_those_and_no_others(catalog):
    names = ["/a", "/a/b", "/a/b/c", "/a0", "/a-", "/ab", "/a/z", "/b/a/b"]
    put(catalog, *(row(name, slot) for slot, name in enumerate(names)))
    assert [r.path for r in catalog.files.all("/a")] == ["/a", "/a/b", "/a/b/c", "/a/z"]
    assert [r.path for r in catalog.files.all("/a/b")] == ["/a/b", "/a/b/c"]
    assert len(catalog.files.all("/")) == len(names)
    with catalog.transaction():
        assert catalog.files.remove("/a", below=True) == 4
        assert catalog.files.remove("/a0") == 1
        assert catalog.files.remove("/nothing", below=True) == 0
    assert [r.path for r in catalog.files.all()] == ["/a-", "/ab", "/b/a/b"]
    assert catalog.files.dead().tolist() == [0, 1, 2, 3, 6]


def test_a_slot_that_is_replaced_or_lost_is_dead_and_one_that_is_kept_is_not(catalog):
    put(catalog, row("/a", 0), row("/b", 1), row("/c", 2))
    put(catalog, row("/a", 3), row("/b", 1, content=b"other"), row("/c", None, reason="gone bad"))
    assert catalog.files.dead().tolist() == [0, 2]
    assert catalog.files.used().tolist() == [1, 3]


def test_content_is_found_among_indexed_images_only(catalog):
    put(catalog, row("/a", None, b"x", reason="bad"), row("/b", 5, b"y"), row("/c", 4, b"y"))
    assert catalog.files.slot_of(b"x") is None
    assert catalog.files.slot_of(b"y") == 4


def test_renumbering_closes_the_gaps_in_order(catalog):
    put(catalog, *(row(f"/{slot}", slot) for slot in range(6)))
    with catalog.transaction():
        catalog.files.remove("/0")
        catalog.files.remove("/3")
        catalog.files.renumber(catalog.files.used())
    assert [(r.path, r.slot) for r in catalog.files.all()] == [
        ("/1", 0),
        ("/2", 1),
        ("/4", 2),
        ("/5", 3),
    ]
    assert len(catalog.files.dead()) == 0


def test_a_transaction_that_fails_changes_nothing(catalog):
    put(catalog, row("/a", 0))

    def fail():
        with catalog.transaction():
            catalog.files.put(row("/b", 1))
            catalog.files.remove("/a")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert catalog.files.all() == [row("/a", 0)]
    put(catalog, row("/c", 1))
    assert len(catalog.files.all()) == 2


def test_a_snapshot_does_not_see_later_commits(catalog, tmp_path):
    put(catalog, row("/a", 0))
    reader = Catalog(tmp_path)
    with reader.snapshot():
        assert len(reader.files.all()) == 1
        put(catalog, row("/b", 1))
        assert len(reader.files.all()) == 1
    assert len(reader.files.all()) == 2
    reader.close()


def test_readers_can_not_write(catalog, tmp_path):
    reader = Catalog(tmp_path)
    with pytest.raises(CollectionError, match="readonly"):
        put(reader, row("/a", 0))
    reader.close()


def test_many_threads_may_use_it(catalog):
    put(catalog, *(row(f"/{slot}", slot, bytes([slot])) for slot in range(50)))
    found: list[int] = []

    def look():
        found.extend(catalog.files.slot_of(bytes([slot])) for slot in range(50))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for slot in range(50, 80):
        put(catalog, row(f"/{slot}", slot))
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(4 * list(range(50)))


def test_commits_are_synchronous_and_in_a_write_ahead_log(catalog):
    database = catalog._database
    assert database.value("PRAGMA synchronous") == 2
    assert database.value("PRAGMA journal_mode") == "wal"


def test_an_unfinished_catalog_is_none(tmp_path):
    assert not is_catalog(tmp_path)
    (tmp_path / "catalog.sqlite").touch()
    assert not is_catalog(tmp_path)
    (tmp_path / "catalog.sqlite").write_bytes(b"something else entirely" * 100)
    assert is_catalog(tmp_path)


STEPS = (*schema.MIGRATIONS, ("ALTER TABLE files ADD COLUMN note TEXT",))


def use_steps(monkeypatch, steps):
    monkeypatch.setattr(schema, "MIGRATIONS", steps)
    monkeypatch.setattr(catalog_module, "MIGRATIONS", steps)


def test_older_versions_are_migrated_by_writers(catalog, tmp_path, monkeypatch):
    put(catalog, row("/a", 0))
    catalog.close()
    use_steps(monkeypatch, STEPS)
    with pytest.raises(CollectionError, match="older format version 2"):
        Catalog(tmp_path)
    again = Catalog(tmp_path, write=True)
    assert again._database.value("PRAGMA user_version") == 3
    assert again._database.all("SELECT path, note FROM files") == [(b"/a", None)]
    again.close()
    Catalog(tmp_path).close()


def test_a_migration_that_fails_leaves_the_older_version(catalog, tmp_path, monkeypatch):
    catalog.close()
    with monkeypatch.context() as patch:
        use_steps(patch, (*STEPS, ("CREATE TABLE extra (x)", "THIS IS NO SQL")))
        with pytest.raises(CollectionError, match="syntax error"):
            Catalog(tmp_path, write=True)
    with sqlite3.connect(tmp_path / "catalog.sqlite") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (2,)
        assert database.execute("SELECT * FROM sqlite_master WHERE name = 'extra'").fetchall() == []
    Catalog(tmp_path, write=True).close()


def test_a_missing_entry_is_named(catalog):
    catalog._database.run("DELETE FROM meta WHERE key = 'slots'")
    with pytest.raises(FormatError, match="'slots' is missing"):
        catalog.state()


def test_a_damaged_page_is_a_format_error(catalog, tmp_path):
    put(catalog, *(row(f"/{slot}", slot) for slot in range(500)))
    catalog.close()
    path = tmp_path / "catalog.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = bytes([0x5A]) * (len(data) - 4096)
    path.write_bytes(data)

    def read():
        damaged = Catalog(tmp_path)
        try:
            damaged.state()
            damaged.files.all()
        finally:
            damaged.close()

    with pytest.raises(FormatError, match="damaged"):
        read()


def test_read_only_media(catalog, tmp_path, monkeypatch):
    # Root may write everywhere, so what SQLite would meet is mocked.
    put(catalog, row("/a", 0))
    catalog.close()
    original = database_module._connect_as

    class ReadOnly(sqlite3.Connection):
        def execute(self, *arguments):
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error

    def connect(path, options):
        if "immutable" in options:
            return original(path, options)
        return sqlite3.connect(path, factory=ReadOnly)

    monkeypatch.setattr(database_module, "_connect_as", connect)
    reader = Catalog(tmp_path)
    assert reader.files.all() == [row("/a", 0)]
    reader.close()
    # With a log, the file alone would be out of date.
    (tmp_path / "catalog.sqlite-wal").write_bytes(b"frames")
    with pytest.raises(CollectionError, match="unable to open"):
        Catalog(tmp_path)
