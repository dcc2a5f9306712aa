"""The real command in its own process: from a folder to answers, and what bad input says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hashlens import Collection

HASHLENS = Path(sys.executable).with_name("hashlens")


def run(*arguments, **environment) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HASHLENS, *map(os.fspath, map(str, arguments))],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=300,
        env=os.environ | environment,
    )


def run_json(*arguments) -> dict:
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def draw(path: Path, seed: int, size: int = 48) -> None:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(12):
        draw(folder / f"{seed % 3}" / f"{seed:02}.png", seed)
    return folder


@pytest.fixture(scope="module")
def collection(photos, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("collections") / "mine"
    done = run("index", photos, "-c", target, "--keep-descriptors")
    assert done.returncode == 0, done.stderr
    assert "12 added" in done.stdout
    return target


def test_an_image_finds_itself_first(photos, collection):
    answer = run_json("search", photos / "1" / "04.png", "-c", collection, "-k", 3)
    hits = answer["results"][0]["hits"]
    assert hits[0] == {"path": str(photos / "1" / "04.png"), "distance": 0}
    assert [hit["distance"] for hit in hits] == sorted(hit["distance"] for hit in hits)
    assert len(hits) == 3
    assert answer["results"][0]["query"] == str(photos / "1" / "04.png")


def test_several_queries_keep_their_order(photos, collection):
    queries = [photos / "2" / "05.png", photos / "0" / "03.png"]
    answer = run_json("search", *queries, "-c", collection, "-k", 1)
    assert [result["hits"][0]["path"] for result in answer["results"]] == list(map(str, queries))


def test_paths_are_lines_for_pipes(photos, collection):
    done = run("search", photos / "0" / "00.png", "-c", collection, "-k", 2, "--paths")
    assert done.stdout.splitlines()[0] == str(photos / "0" / "00.png")
    assert len(done.stdout.splitlines()) == 2


def test_a_table_shows_ranks_and_distances(photos, collection):
    done = run("search", photos / "0" / "00.png", "-c", collection, "-k", 2)
    assert done.stdout.splitlines()[1].split() == ["1", "0", str(photos / "0" / "00.png")]


def test_rerank_orders_by_descriptors(photos, collection):
    answer = run_json("search", photos / "0" / "00.png", "-c", collection, "--rerank", "-k", 4)
    euclidean = [hit["euclidean"] for hit in answer["results"][0]["hits"]]
    assert euclidean == sorted(euclidean)
    assert euclidean[0] < 1e-2


def test_a_contact_sheet_is_a_picture(photos, collection, tmp_path):
    sheet = tmp_path / "sheet.png"
    done = run("search", photos / "0" / "00.png", "-c", collection, "-k", 12, "--sheet", sheet)
    assert done.returncode == 0, done.stderr
    with Image.open(sheet) as picture:
        assert picture.width > picture.height > 300
        colors = picture.convert("RGB").getcolors(1 << 24)
    assert len(colors) > 1000  # thumbnails, not a blank page


def test_k_beyond_the_size_gives_all(photos, collection):
    answer = run_json("search", photos / "0" / "00.png", "-c", collection, "-k", 100)
    assert len(answer["results"][0]["hits"]) == 12


def test_radius_limits_the_distance(photos, collection):
    answer = run_json("search", photos / "0" / "00.png", "-c", collection, "--radius", 30)
    assert all(hit["distance"] <= 30 for hit in answer["results"][0]["hits"])


def test_a_search_stays_in_the_folders_it_is_given(photos, collection):
    query = ("search", photos / "0" / "00.png", "-c", collection)
    folders = ("--under", photos / "1", "--under", photos / "2")
    paths = [hit["path"] for hit in run_json(*query, *folders)["results"][0]["hits"]]
    assert sorted(paths) == sorted(map(str, [*photos.glob("1/*.png"), *photos.glob("2/*.png")]))
    assert run_json(*query, "--under", photos / "none")["results"][0]["hits"] == []
    assert "among those that --under" in run(*query, "--under", photos / "none").stdout


def test_a_search_finds_only_images_with_the_labels_it_is_given(photos, tmp_path):
    with Collection.create(tmp_path / "labeled") as made:
        made.index([photos], label_of=lambda path: f"class {Path(path).parent.name}")
    query = ("search", photos / "0" / "00.png", "-c", tmp_path / "labeled")
    hits = run_json(*query, "--label", "class 1", "--label", "class 2")["results"][0]["hits"]
    assert sorted(hit["label"] for hit in hits) == ["class 1"] * 4 + ["class 2"] * 4


def test_index_update_remove_and_info(photos, tmp_path):
    folder = tmp_path / "pictures"
    for seed in (100, 101):
        draw(folder / f"{seed}.png", seed)
    target = tmp_path / "collection"
    first = run_json("index", folder, "-c", target)
    again = run_json("index", folder, "-c", target)
    assert (first["added"], again["added"], again["unchanged"]) == (2, 0, 2)
    (folder / "100.png").rename(folder / "renamed.png")
    (folder / "101.png").unlink()
    updated = run_json("update", "-c", target)
    assert (updated["reused"], updated["missing"], updated["images"]) == (1, 1, 1)
    refused = run("prune", "-c", target)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert "1 images below" in refused.stdout
    pruned = run_json("prune", "-c", target, "--yes")
    assert (pruned["images"], pruned["files"]) == (1, 2)
    assert run_json("update", "-c", target)["missing"] == 0
    assert run("remove", folder / "renamed.png", "-c", target).returncode == 0
    info = run_json("info", "-c", target)
    assert (info["images"], info["bits"]) == (0, 128)
    assert run("info", "-c", target, "--verify").returncode == 0


@pytest.fixture
def without_photos(tmp_path, monkeypatch):
    """Let commands run as if the extra ``photos`` were not installed."""
    (tmp_path / "site").mkdir()
    hidden = "import sys; sys.modules |= dict.fromkeys(('pillow_heif', 'imagecodecs', 'rawpy'))"
    (tmp_path / "site" / "sitecustomize.py").write_text(hidden)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))


@pytest.mark.usefixtures("without_photos")
def test_what_is_passed_over_is_counted_and_strict(tmp_path):
    folder = tmp_path / "pictures"
    draw(folder / "good.png", 1)
    draw(folder / "@eaDir" / "thumb.png", 2)
    for name in ("a.HEIC", "b.heic", "c.mov", ".hidden.png", "no_suffix"):
        (folder / name).write_bytes(b"content")
    done = run("index", folder, "-c", tmp_path / "c", "--json", "--strict")
    assert done.returncode == 1
    counts = json.loads(done.stdout)
    assert (counts["added"], counts["unreadable"], counts["unreadable_files"]) == (1, 0, [])
    assert counts["passed_over"] == {
        "no decoder": {".heic": 2},
        "no image suffix": {".mov": 1, "no suffix": 1},
        "hidden": {".png": 1},
        "excluded": {"folder": 1},
    }
    shown = run("update", "-c", tmp_path / "c")
    assert "2 .heic files passed over: pip install 'hashlens[photos]'" in shown.stderr
    exclusions = ("--exclude", "*.heic", "--exclude", "*.HEIC", "--exclude", "*.mov")
    left_out = run("index", folder, *exclusions, "--exclude", "no_suffix", "-c", tmp_path / "c")
    assert left_out.returncode == 0
    assert run("update", "-c", tmp_path / "c", "--strict").returncode == 0
    assert run_json("info", "-c", tmp_path / "c")["patterns"][str(folder)][0] == "*.heic"


def test_a_library_that_was_moved(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    draw(old / "a.png", 1)
    target = tmp_path / "collection"
    run_json("index", old, "-c", target)
    old.rename(new)
    assert "moved 1 files and 1 roots" in run("move", old, new, "-c", target).stdout
    assert run_json("update", "-c", target)["unchanged"] == 1
    assert run("move", old, new, "-c", target).returncode == 1
    found = run_json("search", new / "a.png", "-c", target)
    assert found["results"][0]["hits"][0]["path"] == str(new / "a.png")


def test_duplicates_are_grouped(photos, tmp_path):
    folder = tmp_path / "pictures"
    draw(folder / "a.png", 1, 224)
    with Image.open(folder / "a.png") as image:
        image.save(folder / "b.jpg", quality=95)
    draw(folder / "c.png", 2, 224)
    target = tmp_path / "collection"
    run_json("index", folder, "-c", target)
    groups = run_json("duplicates", "-c", target, "--radius", 12)["groups"]
    assert [group["paths"] for group in groups] == [[str(folder / "a.png"), str(folder / "b.jpg")]]


def test_bad_images_are_named_skipped_and_counted(tmp_path):
    folder = tmp_path / "pictures"
    draw(folder / "good.png", 1)
    (folder / "text.png").write_text("not an image")
    (folder / "empty.jpg").touch()
    done = run("index", folder, "-c", tmp_path / "c")
    assert done.returncode == 0
    assert "1 added" in done.stdout
    assert "2 unreadable" in done.stdout
    assert str(folder / "text.png") in done.stderr
    strict = run("update", "-c", tmp_path / "c", "--strict")
    assert strict.returncode == 1


def test_a_file_name_that_is_no_utf8_survives(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    name = os.fsencode(folder) + b"/caf\xe9.png"
    draw(folder / "plain.png", 1)
    os.rename(folder / "plain.png", name)
    assert run("index", folder, "-c", tmp_path / "c").returncode == 0
    done = run("search", os.fsdecode(name), "-c", tmp_path / "c", "--paths")
    assert done.returncode == 0, done.stderr
    assert os.fsencode(done.stdout.strip()) == name
    found = run_json("search", os.fsdecode(name), "-c", tmp_path / "c")
    assert found["results"][0]["hits"][0]["path"] == os.fsdecode(name)
    assert run("search", os.fsdecode(name), "-c", tmp_path / "c").returncode == 0


def test_ctrl_c_keeps_what_was_done(tmp_path):
    folder = tmp_path / "pictures"
    for seed in range(400):
        draw(folder / f"{seed:03}.png", seed, 16)
    command = [HASHLENS, "index", str(folder), "-c", str(tmp_path / "c")]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where the tests run in the background, children would ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    catalog = tmp_path / "c" / "catalog.sqlite"
    deadline = time.monotonic() + 60
    while not catalog.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, message = child.communicate(timeout=120)
    if child.returncode != 0:  # else it was faster than we were
        assert child.returncode == 130
        assert "The same command resumes from here" in message
        assert "Traceback" not in message
    assert run_json("index", folder, "-c", tmp_path / "c")["images"] == 400


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["search", "query.png", "-c", "none"], 1, "collection"),
        (["index", "no-such-folder"], 1, "no file or folder no-such-folder"),
        (["search", "query.png", "-k", "0"], 2, "-k"),
        (["search", "query.png", "--sheet", "sheet.doc"], 2, "contact sheet can't be written"),
        (["duplicates", "--radius", "-1"], 2, "radius"),
        (["search"], 2, "IMAGES"),
        (["train", "no-such-data"], 1, "does not exist"),
        (["train", "data", "--method", "itqq"], 2, "did you mean 'itq'?"),
        (["train", "data", "--method", "itq", "--epochs", "3"], 2, "takes no 'epochs'"),
        (
            ["train", "data", "--method", "itq", "--learning-rate", "1"],
            2,
            "takes no 'learning_rate'",
        ),
        (["train", "data", "--learning-rate", "-1"], 2, "--learning-rate"),
        (["train", "data", "--bits", "12"], 2, "multiple of 8"),
        (["evaluate", "no-such-model", "data"], 1, "no model 'no-such-model'"),
        (["unknown"], 2, "unknown"),
    ],
)
def test_errors_say_what_is_wrong(arguments, code, message, tmp_path):
    done = run(*arguments, HASHLENS_COLLECTION=str(tmp_path / "none"))
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_query_is_named(collection, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no")
    done = run("search", tmp_path / "broken.jpg", "-c", collection)
    assert done.returncode == 1
    assert str(tmp_path / "broken.jpg") in done.stderr


def test_another_model_than_the_collections_is_refused(photos, collection, tmp_path):
    model = tmp_path / "model"
    trained = run(
        "train", photos, "--method", "lsh", "--bits", 64, "--out", model, "--cache", tmp_path / "k"
    )
    assert trained.returncode == 0, trained.stderr
    done = run("index", photos, "-c", collection, "--model", model)
    assert done.returncode == 1
    assert "64 bits" in done.stderr
    assert "128 bits" in done.stderr


def test_a_model_trained_on_class_folders_searches(photos, tmp_path):
    model, cache = tmp_path / "model", tmp_path / "cache"
    trained = run_json(
        "train", photos, "--method", "lsh", "--bits", 64, "--out", model, "--cache", cache
    )
    assert trained["bits"] == 64
    figures = run_json("evaluate", model, photos, "--cache", cache)
    assert figures["precision_at_5"] == trained["precision_at_5"]
    assert run("index", photos, "-c", tmp_path / "c", "--model", model).returncode == 0
    answer = run_json("search", photos / "0" / "00.png", "-c", tmp_path / "c")
    assert answer["bits"] == 64
    assert answer["results"][0]["hits"][0]["distance"] == 0


def test_search_loads_neither_torch_nor_matplotlib(photos, collection):
    script = (
        "import sys; from hashlens.cli import main\n"
        f"sys.argv = ['hashlens', 'search', {str(photos / '0' / '00.png')!r}, '-c', "
        f"{str(collection)!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'matplotlib', 'scipy', 'sklearn', 'rich', 'numpy.ma'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_every_room_loads_neither_torch_nor_matplotlib():
    script = (
        "import importlib, pkgutil, sys, hashlens\n"
        "from hashlens.cli.app import COMMANDS\n"
        "for module in pkgutil.iter_modules(hashlens.__path__):\n"
        "    if module.name != '__main__': importlib.import_module(f'hashlens.{module.name}')\n"
        "for name in COMMANDS: importlib.import_module(f'hashlens.cli.{name}')\n"
        "assert not {'torch', 'matplotlib', 'scipy', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
