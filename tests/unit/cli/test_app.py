"""The table of commands, and what is loaded to answer without running one."""

import subprocess
import sys
from importlib import import_module

import pytest
from click.testing import CliRunner

from hashlens.cli.app import COMMANDS, app

HEAVY = {"numpy", "onnxruntime", "PIL", "rich"}


def docstring_of(name):
    return getattr(import_module(f"hashlens.cli.{name}"), name).callback.__doc__


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_with_the_first_line_of_its_docstring(name):
    assert docstring_of(name).splitlines()[0] == COMMANDS[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_a_line_for_each_command(name):
    lines = CliRunner().invoke(app, ["--help"]).output.splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines if line.split()[:1] == [name]] == [
        COMMANDS[name]
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_has_examples_of_it(name):
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0
    examples = done.output.split("Example")[1].split("Options:")[0]
    assert examples.count(f"  hashlens {name}") >= 2


def loaded_by(*arguments):
    """Return which modules a command has loaded when it ends."""
    script = (
        "import sys; from hashlens.cli import main\n"
        f"sys.argv = ['hashlens', *{arguments!r}]\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()), done.stdout


def test_the_version_is_told_without_a_parser():
    loaded, printed = loaded_by("--version")
    assert printed.startswith("hashlens ")
    assert not loaded & {"click", *HEAVY}


def test_the_list_of_commands_imports_none_of_them():
    loaded, printed = loaded_by("--help")
    assert all(f"  {name} " in printed for name in COMMANDS)
    assert not loaded & {*HEAVY, *(f"hashlens.cli.{name}" for name in COMMANDS)}


def test_a_command_imports_no_other():
    loaded, _ = loaded_by("search", "--help")
    assert {name for name in COMMANDS if f"hashlens.cli.{name}" in loaded} == {"search"}


def test_a_mistyped_command_is_told_the_nearest():
    done = CliRunner().invoke(app, ["indx"])
    assert done.exit_code == 2
    assert "Did you mean 'index'?" in done.output
