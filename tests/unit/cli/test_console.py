"""Where text goes, and in what form."""

import json

import pytest

from hashlens.cli.console import print_json, report_failures, size


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
