"""Run the blocks of a Markdown page in order, and compare what they print with what it quotes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_FENCE = re.compile(r"^```(python|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FIGURE = re.compile(r"(?:precision@5 +|mAP +)?(?P<share>\d+(?:\.\d+)?) %")


@dataclass
class Step:
    """A block that is run, and the lines that the page quotes of what it prints."""

    language: str
    code: str
    quoted: list[str]


def steps_of(page: Path) -> list[Step]:
    """Return the ``python`` and ``sh`` blocks of a page, each with the ``text`` block behind it."""
    steps: list[Step] = []
    for language, content in _FENCE.findall(page.read_text("utf-8")):
        if language == "text":
            steps[-1].quoted += content.splitlines()
        else:
            steps.append(Step(language, content, []))
    return steps


def run_python(page: Path) -> ModuleType:
    """Run the ``python`` blocks of a page as one module, where pickle finds it, and return it."""
    code = "\n".join(step.code for step in steps_of(page) if step.language == "python")
    name = page.stem.replace("-", "_")
    module = sys.modules[name] = ModuleType(name)
    exec(compile(code, str(page), "exec"), vars(module))
    return module


def reader_environment(home: Path) -> dict[str, str]:
    """Return the environment of a new user: an empty home, and the commands of this Python."""
    home.mkdir(exist_ok=True)
    ours = ("HASHLENS_", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    commands = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"HOME": str(home), "PATH": commands}


def run_step(step: Step, folder: Path, environment: dict[str, str]) -> list[str]:
    """Run a block in a process of its own; return the lines of its stdout and stderr, as they came.

    Parameters
    ----------
    step : Step
    folder : Path
        Where the block is run.
    environment : dict
        Its environment.
    """
    command = ["sh", "-ec"] if step.language == "sh" else [sys.executable, "-c"]
    done = subprocess.run(
        [*command, step.code],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, f"{step.code}\n{done.stdout}"
    return done.stdout.splitlines()


def check_quoted(quoted: list[str], printed: list[str], tolerance: float) -> None:
    """Assert that quoted lines were printed, in this order, with figures near those quoted.

    Words must be the same. Of the numbers, precision and mAP are compared; others depend on the
    machine and the clock. The page may leave out lines, between the quoted ones too.

    Parameters
    ----------
    quoted, printed : list of str
    tolerance : float
        Maximum difference of precision and mAP, in percentage points.
    """
    rest = iter(printed)
    for line in quoted:
        if line == "...":
            continue
        found = next((other for other in rest if _words(other) == _words(line)), None)
        assert found is not None, f"not printed, or not here: {line!r}, in\n" + "\n".join(printed)
        was, now = _FIGURE.match(line), _FIGURE.match(found)
        if was and now:
            difference = abs(float(was["share"]) - float(now["share"]))
            assert difference <= tolerance, f"quoted {line!r}, printed {found!r}"


def _words(line: str) -> str:
    """Return a line without its numbers, and without the spaces that align them."""
    return " ".join(_NUMBER.sub("#", line).split())
