"""Every command is documented with an example, and every documented command line parses."""

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hashlens.cli.app import COMMANDS, app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"\s#|\s{3,}|\s\|\s")
"""What ends a command: a comment, a remark set apart by spaces, or a pipe."""


def commands_in(text):
    """Return the lines that run hashlens, without what follows the command."""
    lines = (line.strip() for line in text.replace("\\\n", " ").splitlines())
    squeezed = (re.sub(r"\s+(?=--)", " ", line) for line in lines)
    return [REMARK.split(line)[0] for line in squeezed if line.startswith("hashlens ")]


def documented():
    for page in PAGES:
        for block in FENCED.findall(page.read_text("utf-8")):
            for line in commands_in(block):
                yield page.relative_to(ROOT), line


def exemplified():
    for name in COMMANDS:
        for line in commands_in(CliRunner().invoke(app, [name, "--help"]).output):
            yield f"{name} --help", line


def parse(line):
    """Parse a command line, as it would be when it is run, and return the command's name."""
    _, name, *arguments = shlex.split(line)
    with click.Context(app, info_name="hashlens") as outer:
        command = app.get_command(outer, name)
        assert command is not None, f"there is no command {name}"
        command.make_context(name, arguments, parent=outer)
    return name


@pytest.mark.parametrize(("place", "line"), [*documented(), *exemplified()])
def test_a_documented_command_line_parses(place, line):
    parse(line)


def test_every_command_is_documented_with_an_example():
    assert {parse(line) for _, line in documented()} >= set(COMMANDS)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("hashlens serch a.jpg", "serch"),
        ("hashlens search a.jpg --top 3", "--top"),
        ("hashlens evaluate", "model"),
        ("hashlens search a.jpg -k many", "integer"),
    ],
)
def test_a_line_that_does_not_parse_is_found_out(line, named):
    with pytest.raises(Exception, match=named):
        parse(line)


def test_remarks_and_pipes_are_no_part_of_a_command():
    block = "hashlens search a.png --paths | xargs ls\nhashlens info   what it holds\nls\n"
    assert commands_in(block) == ["hashlens search a.png --paths", "hashlens info"]
