"""What is printed, and where: any name, any locale, and streams that are full, broken or closed."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

HASHLENS = Path(sys.executable).with_name("hashlens")
NAMES = [
    b"plain.png",
    b"two\nlines.png",
    b"\x1b[31mred\x1b[0m.png",
    b"tab\tcr\r.png",
    b"-k.png",
    b"caf\xe9.png",
    "caf\u00e9 \u65e5\u672c \U0001f431\u200d\U0001f680.png".encode(),
    "\u202egnp.exe.png".encode(),
    b"a" * 251 + b".png",
]
BROKEN = b"bro\x1b]0;title\x07ken\n\xe9.jpg"
RAW = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80[\xa8-\xae]|\xc2[\x80-\x9f]")
"""What must not reach a terminal: control characters but line feeds, and changes of direction."""
LOCALES = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252, strict": {"PYTHONIOENCODING": "cp1252:strict"},
    "UTF-16": {"PYTHONIOENCODING": "utf-16"},
}
CLOSED = {"stdout": [1], "stdout and stderr": [1, 2], "all": [0, 1, 2]}


def run(*arguments, environment=None, **options) -> subprocess.CompletedProcess[bytes]:
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG", "PYTHON"))
    }
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    done = subprocess.run(
        [HASHLENS, *arguments],
        env=plain | {"LC_ALL": "C.UTF-8"} | (environment or {}),
        timeout=300,
        **streams,
    )
    for printed in (done.stdout or b"", done.stderr or b""):
        assert b"Traceback" not in printed
        assert b"Exception ignored" not in printed
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> bytes:
    made = os.fsencode(tmp_path_factory.mktemp("names"))
    for seed, name in enumerate(NAMES):
        blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
        picture = Image.fromarray(blocks).resize((48, 48), Image.Resampling.BICUBIC)
        with open(made + b"/" + name, "wb") as file:
            picture.save(file, "PNG")
    with open(made + b"/" + BROKEN, "wb") as file:
        file.write(b"\xff\xd8\xff no")
    return made


@pytest.fixture(scope="module")
def collection(folder, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("collections") / "mine\x1b[1m"
    done = run("index", folder, "-c", target)
    assert done.returncode == 0
    assert not RAW.search(done.stdout + done.stderr)
    assert rb"bro\x1b]0;title\x07ken\n\xe9.jpg" in done.stderr
    return target


@pytest.fixture
def search(folder, collection) -> list:
    return ["search", folder + b"/plain.png", "-k", "50", "-c", collection]


def test_paths_are_exact_and_may_end_with_nul(search, folder):
    paths = sorted(folder + b"/" + name for name in NAMES)
    for locale in ({}, *LOCALES.values()):
        ended = run(*search, "--paths", "-0", environment=locale)
        assert ended.returncode == 0
        assert sorted(ended.stdout.split(b"\0")) == [b"", *paths]
        lines = run(*search, "--paths", environment=locale).stdout
        assert lines == ended.stdout.replace(b"\0", b"\n")


def test_null_needs_paths(search):
    done = run(*search, "--null")
    assert done.returncode == 2
    assert b"give --paths" in done.stderr


@pytest.mark.parametrize("locale", LOCALES)
def test_json_is_ascii_in_any_locale(locale, search, folder):
    done = run(*search, "--json", environment=LOCALES[locale])
    assert done.returncode == 0
    hits = json.loads(done.stdout.decode("ascii"))["results"][0]["hits"]
    assert {os.fsencode(hit["path"]) for hit in hits} == {folder + b"/" + name for name in NAMES}


@pytest.mark.parametrize("locale", ["UTF-8", *LOCALES])
def test_lines_for_people_show_every_name_and_act_on_no_terminal(locale, search, folder):
    done = run(*search, environment=LOCALES.get(locale))
    assert done.returncode == 0
    printed = done.stdout.decode("utf-16").encode() if locale == "UTF-16" else done.stdout
    assert not RAW.search(printed)
    assert len(printed.splitlines()) == 1 + len(NAMES)
    for shown in (rb"/two\nlines.png", rb"/\x1b[31mred\x1b[0m.png", rb"/caf\xe9.png", b"/-k.png"):
        assert shown in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["duplicates", "--radius", "128"],
        ["info", "--failures"],
        ["update"],
        ["remove", b"/no\x1b[31m\n"],
        ["search", b"--no\x1b[31mne"],
        ["search", b"/no\x1b[31mne\n"],
        ["export", b"no\x1b[31mne", b"x.onnx"],
    ],
)
def test_no_command_prints_control_characters(arguments, collection):
    where = [] if arguments[0] == "export" else ["-c", collection]
    done = run(*arguments, *where)
    assert done.stdout + done.stderr
    assert not RAW.search(done.stdout + done.stderr)


def test_a_broken_query_does_not_cost_the_other_answers(folder, collection):
    good = [folder + b"/" + name for name in NAMES[:2]]
    queries = [good[0], folder + b"/" + BROKEN, good[1]]
    done = run("search", "-k", "1", "-c", collection, "--json", *queries)
    assert done.returncode == 1
    assert b"as a query" in done.stderr
    results = json.loads(done.stdout)["results"]
    assert [os.fsencode(result["query"]) for result in results] == queries
    assert [os.fsencode(results[place]["hits"][0]["path"]) for place in (0, 2)] == good
    assert "as a query" in results[1]["error"]
    assert "hits" not in results[1]
    paths = run("search", "-k", "1", "-c", collection, "--paths", "-0", *queries)
    assert paths.returncode == 1
    assert paths.stdout.split(b"\0")[:-1] == good
    table = run("search", "-k", "1", "-c", collection, *queries)
    assert table.returncode == 1
    assert len(table.stdout.splitlines()) == 4


COMMANDS = [["--version"], ["--help"], ["info"], ["info", "--json"], ["search", "--paths"]]


def filled_in(arguments, search, collection):
    """Return a command with what it needs besides its options."""
    if arguments[0] == "search":
        return [*search, *arguments[1:]]
    return [*arguments, "-c", collection] if arguments[0] == "info" else arguments


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_stdout_is_an_error(arguments, search, collection):
    with open("/dev/full", "wb") as full:
        done = run(*filled_in(arguments, search, collection), stdout=full)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("closed", CLOSED)
def test_a_closed_stdout_is_an_error(closed, arguments, search, collection):
    def close():
        for descriptor in CLOSED[closed]:
            os.close(descriptor)

    done = run(*filled_in(arguments, search, collection), preexec_fn=close)
    assert done.returncode == 1
    assert done.stdout == b""
    if closed == "stdout":
        assert b"Bad file descriptor" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_pipe_without_reader_ends_the_command_silently(arguments, search, collection):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(*filled_in(arguments, search, collection), stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_stderr_costs_no_result_but_the_exit_code(unbuffered, folder, collection):
    query = folder + b"/plain.png"
    with open("/dev/full", "wb") as full:
        how = {"stderr": full, "environment": {"PYTHONUNBUFFERED": unbuffered}}
        done = run("search", query, "-c", collection, **how)
        assert (done.returncode, len(done.stdout.splitlines())) == (1, 1 + len(NAMES))
        assert run("search", query, "-c", collection, "--json", **how).returncode == 0
        assert run("search", folder + b"/" + BROKEN, "-c", collection, stderr=full).returncode == 1


def test_a_closed_stderr_is_a_choice(folder, collection):
    done = run("search", folder + b"/plain.png", "-c", collection, preexec_fn=lambda: os.close(2))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1 + len(NAMES))


def test_an_interrupt_while_printing_ends_with_130(folder, collection):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # Soon full, so that printing has to wait.
    child = subprocess.Popen(
        [HASHLENS, "search", "-c", collection, *[folder + b"/" + NAMES[-1]] * 10, "-k", "50"],
        stdout=writer,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(writer)
    deadline = time.monotonic() + 100
    first = os.read(reader, 1)
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.5)
        child.send_signal(signal.SIGINT)
    _, message = child.communicate(timeout=60)
    os.close(reader)
    assert first
    assert child.returncode == 130
    assert message.decode().splitlines()[-1] == "hashlens: interrupted"
