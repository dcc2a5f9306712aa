"""Where text goes, and in what form."""

import json
from pathlib import Path

import pytest

import hashlens.cli
from hashlens.cli.console import note, print_json, print_paths, report_failures, show, size


def test_json_is_one_document_in_ascii(capsys):
    print_json({"path": "caf\udce9", "share": None})
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"path": "caf\udce9", "share": None}


def test_json_has_no_nan(capsys):
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"share": float("nan")})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, "1 byte"), (999, "999 bytes"), (1536, "1.5 kB"), (12_000_000, "12.0 MB")],
)
def test_sizes_are_decimal(count, shown):
    assert size(count) == shown


def test_many_failures_are_named_up_to_twenty_and_counted(capsys):
    report_failures([(f"{number}.jpg", "broken") for number in range(25)], "hashlens info")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "skipped 0.jpg: broken"
    assert lines[20:] == ["skipped 5 more; `hashlens info` lists them all"]


def test_lines_for_people_are_escaped_and_paths_are_not(capfdbinary):
    show("two\nlines \x1b[1m")
    note("caf\udce9")
    print_paths(["two\nlines", "caf\udce9"], b"\0")
    printed = capfdbinary.readouterr()
    assert printed.out == rb"two\nlines \x1b[1m" + b"\n" + b"two\nlines\0caf\xe9\0"
    assert printed.err == rb"caf\xe9" + b"\n"


@pytest.mark.parametrize("path", sorted(Path(hashlens.cli.__file__).parent.glob("*.py")), ids=str)
def test_commands_print_by_the_console_alone(path):
    text = path.read_text("utf-8")
    assert "click.echo" not in text
    assert " print(" not in text
