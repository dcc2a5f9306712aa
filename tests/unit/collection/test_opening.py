"""A collection opens only as what it is: whole, known, of its own model, with one writer."""

import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap

import pytest
from pixel_model import pixel_model

from hashlens.collection import Collection, is_collection
from hashlens.errors import (
    CollectionError,
    CollectionLockedError,
    FormatError,
    ModelMismatchError,
    ParameterError,
)


@pytest.fixture
def folder(collection, photos):
    """A closed collection of twelve images."""
    collection.index([photos])
    collection.close()
    return collection.folder


def test_where_there_is_none(tmp_path):
    with pytest.raises(CollectionError, match="There is no collection"):
        Collection.open(tmp_path)
    with pytest.raises(CollectionError, match="There is no collection"):
        Collection.open(tmp_path / "missing")
    assert not is_collection(tmp_path)


def test_an_existing_collection_is_not_overwritten(folder, model):
    with pytest.raises(CollectionError, match="holds a collection already"):
        Collection.create(folder, model)
    with Collection.open(folder) as whole:
        assert len(whole) == 12


@pytest.mark.parametrize("name", ["thesis.txt", "model", "codes-000001.bin"])
def test_a_folder_with_anything_in_it_is_left_as_it_is(tmp_path, model, name):
    (tmp_path / name).write_text("years of work")
    with pytest.raises(CollectionError, match=name):
        Collection.create(tmp_path, model)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "years of work"


def test_a_model_that_stands_where_the_collection_should_is_safe(tmp_path, model):
    model.save(tmp_path / "model")
    before = {path: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    with pytest.raises(CollectionError, match="'model'"):
        Collection.create(tmp_path, model)
    assert {path: path.read_bytes() for path in (tmp_path / "model").iterdir()} == before


def test_foreign_files_beside_an_interrupted_creation_are_safe(tmp_path, model):
    (tmp_path / "creation.incomplete").touch()
    (tmp_path / "codes-000001.bin").touch()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CollectionError, match="thesis"):
        Collection.create(tmp_path, model)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_path_in_place_of_a_model_is_refused_with_a_hint(tmp_path):
    with pytest.raises(ParameterError, match=r"must be a Model, as hashlens\.load_model"):
        Collection.create(tmp_path / "photos.hashlens", "products-64")
    assert not (tmp_path / "photos.hashlens").exists()


@pytest.mark.parametrize("step", ["save", "records", "catalog"])
def test_an_interrupted_creation_can_be_done_again(tmp_path, model, photos, monkeypatch, step):
    target = {
        "save": "hashlens.model.model.write_card",
        "records": "hashlens.files.records.write_all",
        "catalog": "hashlens.collection.store.catalog.migrate",
    }[step]

    def killed(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(target, killed)
        with pytest.raises(KeyboardInterrupt):
            Collection.create(tmp_path / "c", model)
    assert not is_collection(tmp_path / "c")
    with pytest.raises(CollectionError, match="no collection"):
        Collection.open(tmp_path / "c")
    with Collection.create(tmp_path / "c", model) as made:
        assert made.index([photos]).added == 12
    assert not (tmp_path / "c/creation.incomplete").exists()


def test_another_model_is_refused(folder):
    other = pixel_model(seed=1)
    with pytest.raises(ModelMismatchError) as raised:
        Collection.open(folder, model=other)
    assert other.digest[:16] in str(raised.value)
    assert pixel_model().digest[:16] in str(raised.value)


def test_a_model_folder_of_another_model_is_refused(folder, photos):
    shutil.rmtree(folder / "model")
    pixel_model(bits=32).save(folder / "model")
    with (
        Collection.open(folder) as opened,
        pytest.raises(ModelMismatchError, match=r"64 bits.*32 bits"),
    ):
        opened.search(photos / "a/00.png")


def test_codes_of_another_model_are_refused(folder, tmp_path, photos):
    with Collection.create(tmp_path / "other", pixel_model(seed=1), keep_descriptors=True) as other:
        other.index([photos])
    shutil.copy(tmp_path / "other/codes-000001.bin", folder / "codes-000001.bin")
    with pytest.raises(ModelMismatchError, match=r"codes-000001\.bin"):
        Collection.open(folder)


def test_a_catalog_of_a_newer_version_is_refused(folder):
    with sqlite3.connect(folder / "catalog.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    for write in (False, True):
        with pytest.raises(FormatError, match=r"version 99.*pip install --upgrade"):
            Collection.open(folder, write=write)


def rewrite_header(path, change):
    """Change a header and make its checksum right again."""
    import zlib

    data = bytearray(path.read_bytes())
    change(data)
    data[124:128] = zlib.crc32(data[:124]).to_bytes(4, "little")
    path.write_bytes(data)


def test_codes_of_a_newer_version_are_refused(folder):
    def newer(data):
        data[8] = 7

    rewrite_header(folder / "codes-000001.bin", newer)
    with pytest.raises(FormatError, match=r"version 7.*pip install --upgrade"):
        Collection.open(folder)


def test_a_file_of_another_kind_is_refused(folder):
    def foreign(data):
        data[:8] = b"NOTOURS!"

    rewrite_header(folder / "codes-000001.bin", foreign)
    with pytest.raises(FormatError, match="no hashlens file"):
        Collection.open(folder)
    shutil.copy(folder / "descriptors-000001.bin", folder / "codes-000001.bin")
    with pytest.raises(FormatError, match="does not belong"):
        Collection.open(folder)


@pytest.mark.parametrize("position", [0, 10, 30, 60, 120, 127])
def test_a_damaged_header_is_refused(folder, position):
    path = folder / "codes-000001.bin"
    data = bytearray(path.read_bytes())
    data[position] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(FormatError, match="damaged"):
        Collection.open(folder)


@pytest.mark.parametrize("length", [0, 100])
def test_a_cut_header_is_refused(folder, length):
    os.truncate(folder / "codes-000001.bin", length)
    with pytest.raises(FormatError, match="damaged"):
        Collection.open(folder)


def test_a_missing_file_is_named(folder):
    (folder / "codes-000001.bin").unlink()
    with pytest.raises(FormatError, match=r"codes-000001\.bin is missing"):
        Collection.open(folder)


def test_cut_records_are_noticed(folder, photos, model):
    os.truncate(folder / "codes-000001.bin", 128 + 5 * 8)
    with (
        Collection.open(folder, model=model) as opened,
        pytest.raises(FormatError, match="expected at least 12 records, got 5"),
    ):
        opened.search(photos / "a/00.png")


@pytest.mark.parametrize("name", ["codes", "descriptors"])
def test_flipped_bits_are_found_by_verify(folder, name):
    path = folder / f"{name}-000001.bin"
    data = bytearray(path.read_bytes())
    data[140] ^= 1
    path.write_bytes(data)
    with Collection.open(folder) as opened:
        (problem,) = opened.verify()
    assert name in problem


def test_slots_that_do_not_add_up_are_found_by_verify(folder):
    with sqlite3.connect(folder / "catalog.sqlite") as database:
        database.execute("DELETE FROM files WHERE slot = 3")
    with Collection.open(folder) as opened:
        (problem,) = opened.verify()
    assert "11 are accounted for" in problem


@pytest.mark.parametrize("content", [b"", b"no database at all, only text " * 50])
def test_a_foreign_or_empty_catalog_is_refused(folder, model, content):
    for path in folder.glob("catalog.sqlite*"):
        path.unlink()
    (folder / "catalog.sqlite").write_bytes(content)
    with pytest.raises((FormatError, CollectionError), match=r"damaged|There is no collection"):
        Collection.open(folder)


def test_a_database_of_another_application_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "catalog.sqlite") as database:
        database.execute("PRAGMA user_version = 1")
    with pytest.raises(FormatError, match="not the catalog of a hashlens collection"):
        Collection.open(tmp_path)


def test_two_writers_in_one_process(collection):
    with pytest.raises(CollectionLockedError, match=f"pid {os.getpid()}"):
        Collection.open(collection.folder, write=True)
    with Collection.open(collection.folder) as reader:
        assert len(reader) == 0


def test_the_lock_is_free_after_closing_and_after_failing(folder):
    Collection.open(folder, write=True).close()
    with pytest.raises(ModelMismatchError):
        Collection.open(folder, write=True, model=pixel_model(seed=1))
    Collection.open(folder, write=True).close()


HOLDER = """
    import sys
    from hashlens.collection import Collection
    with Collection.open(sys.argv[1], write=True):
        print("holding", flush=True)
        sys.stdin.read()
"""


def test_two_writers_in_two_processes_and_a_killed_holder(folder):
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(CollectionLockedError, match=f"pid {holder.pid}"):
            Collection.open(folder, write=True)
        with Collection.open(folder) as reader:
            assert len(reader) == 12
        holder.kill()
    Collection.open(folder, write=True).close()


def test_leftovers_of_a_compaction_are_cleared_away(folder):
    (folder / "codes-000002.bin").write_bytes(b"half written")
    with Collection.open(folder) as reader:
        assert len(reader) == 12
    Collection.open(folder, write=True).close()
    assert not (folder / "codes-000002.bin").exists()


def test_open_or_create_makes_a_collection_and_then_opens_it(tmp_path, photos, model):
    with Collection.open_or_create(tmp_path / "new", model, keep_descriptors=True) as made:
        made.index([photos])
    for keep in (True, False):
        with Collection.open_or_create(tmp_path / "new", model, keep_descriptors=keep) as opened:
            assert len(opened) == 12
            opened.index([photos])


def test_open_or_create_refuses_other_models_and_descriptors_that_are_not_kept(tmp_path, model):
    Collection.create(tmp_path / "plain", model).close()
    with pytest.raises(ModelMismatchError, match="was made without descriptors"):
        Collection.open_or_create(tmp_path / "plain", model, keep_descriptors=True)
    with pytest.raises(ModelMismatchError, match="was made by the model"):
        Collection.open_or_create(tmp_path / "plain", pixel_model(seed=1))
    Collection.open_or_create(tmp_path / "plain", model).close()


def test_a_folder_that_was_moved_while_open_is_told(folder):
    with Collection.open(folder) as whole:
        folder.rename(folder.with_name("moved"))
        with pytest.raises(CollectionError, match="open the collection where it is now"):
            whole.info()
    with Collection.open(folder.with_name("moved")) as moved:
        assert moved.info().images == 12
