"""Record what the commands of hashlens answer on small inputs, and compare two such records.

    python benchmarks/golden.py --hashlens CMD --work DIR --photos DIR --out golden.json
    python benchmarks/golden.py --compare before.json after.json [--renames renames.json]

Every command of golden_steps.py is run on the inputs of golden_inputs.py, in the folder --work,
which must be empty. The record holds the arguments, the exit code and the JSON document of each.
Where the work lies is written as {work} there.

A comparison reports every difference but renamed keys and what differs from run to run (`VARIES`),
and exits with 1 if there is one. Keys that were added, and messages of errors that read otherwise,
are listed apart and are no differences. NaN in the first record may be null in the second. A file
of renames is a JSON object of old to new keys, which are added to `RENAMES`; --ignore KEY leaves
values of that key out. Both records should be made on one machine: the last bits of sums, and with
them codes, depend on its processor.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from golden_inputs import make_inputs
from golden_steps import WORK, Step, all_steps

RENAMES = {
    "top5": "precision_at_5",
    "top5_low": "precision_at_5_low",
    "top5_high": "precision_at_5_high",
    "top5_overlap": "overlap_at_5",
    "quantisation": "quantization",
    "quantisation_error": "quantization_error",
    "regularisation": "regularization",
    "normalisation": "normalization",
    "licence": "license",
    "labelled": "labeled",
}
"""New names of keys, by the old ones."""

_MEASURED = {
    "encode_microseconds",
    "evaluate_seconds",
    "fit_peak_gib",
    "fit_seconds",
    "float_images_per_second",
    "int8_images_per_second",
    "milliseconds",
    "minutes",
    "seconds",
}
_STATED = {"commit", "disk_bytes", "machine", "where"}

VARIES = frozenset(_MEASURED | _STATED)
"""Keys whose values are not compared: times and memory, all that differs between two runs of one
version; and what every version states anew, its commit, the machine, the bytes of its files on disk
and the line of its source where an error arose."""

TOLERANCE = 1e-6
"""Largest relative difference of floats that counts as none; below 1e-9 all are equal."""

_THREADS = "2"


def clean_environment(work: Path) -> dict[str, str]:
    """Return an environment in which the commands compute the same each time."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HASHLENS_")
        and name not in ("OPENBLAS_CORETYPE", "PYTHONDONTWRITEBYTECODE")
    }
    return kept | {
        "HASHLENS_CACHE": str(work / "cache"),
        "HASHLENS_THREADS": _THREADS,
        "OMP_NUM_THREADS": _THREADS,
        "PYTHONPYCACHEPREFIX": str(work / "bytecode"),
    }


def run_step(step: Step, command: list[str], work: Path) -> dict[str, Any]:
    """Run one command, and return what is recorded of it."""
    if step.prepare is not None:
        step.prepare(work)
    arguments = [word.replace(WORK, str(work)) for word in step.argv]
    done = subprocess.run(
        [*command, *arguments], cwd=work, env=clean_environment(work), capture_output=True
    )
    text, errors = (
        stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr)
    )
    document, printed = _parsed(text)
    said = [line for line in errors.splitlines() if line.strip()]
    record = {
        "name": step.name,
        "argv": list(step.argv),
        "exit": done.returncode,
        "document": document,
        "text": printed,
        "error": said[-1] if done.returncode and said else None,
    }
    placed: dict[str, Any] = _placed(record, str(work))
    return placed


def _parsed(text: str) -> tuple[Any, str | None]:
    """Return the document that a text is, or else the text."""
    try:
        return json.loads(text), None
    except json.JSONDecodeError:
        return None, text.strip() or None


def _placed(value: Any, work: str) -> Any:
    """Return a value with the folder of work named `WORK` in all its texts and keys."""
    if isinstance(value, str):
        return value.replace(work, WORK)
    if isinstance(value, dict):
        return {_placed(key, work): _placed(inner, work) for key, inner in value.items()}
    if isinstance(value, list):
        return [_placed(inner, work) for inner in value]
    return value


def record(command: list[str], work: Path, photos: Path) -> dict[str, Any]:
    """Run all commands in an empty folder, and return the record."""
    work = work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        raise SystemExit(f"{work} must be an empty folder.")
    digest = make_inputs(work, photos)
    steps = all_steps()
    found = []
    for number, step in enumerate(steps, start=1):
        found.append(run_step(step, command, work))
        print(f"{number:3}/{len(steps)} exit {found[-1]['exit']}  {step.name}", file=sys.stderr)
    return {"inputs": digest, "steps": found}


@dataclass
class Comparison:
    """What differs between two records.

    Parameters
    ----------
    renames : mapping
        New names of keys, by the old ones.
    ignored : collection of str
        Keys, of before, whose values are not compared.

    Attributes
    ----------
    differences, added, reworded, undefined : list of str
        Real differences; keys that only the second record has; messages of errors that read
        otherwise; values that were NaN and are null.
    """

    renames: Mapping[str, str]
    ignored: Collection[str]
    differences: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    reworded: list[str] = field(default_factory=list)
    undefined: list[str] = field(default_factory=list)

    def records(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Compare two records, command by command."""
        if before["inputs"] != after["inputs"]:
            self.differences.append("the records were made on different inputs")
        old, new = ({step["name"]: step for step in side["steps"]} for side in (before, after))
        self.differences += [f"{name}: not run after" for name in old if name not in new]
        self.added += [f"{name}: not run before" for name in new if name not in old]
        for name in old:
            if name in new:
                self.steps(name, old[name], new[name])

    def steps(self, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Compare what one command did."""
        for key in ("argv", "exit", "text", "document"):
            self.values(f"{name}: {key}", before[key], after[key])
        if before["error"] != after["error"]:
            self.reworded.append(f"{name}: {before['error']!r} → {after['error']!r}")

    def values(self, place: str, before: Any, after: Any) -> None:
        """Compare two values of any kind."""
        if isinstance(before, dict) and isinstance(after, dict):
            self._objects(place, before, after)
        elif isinstance(before, list) and isinstance(after, list):
            self._lists(place, before, after)
        elif _is_nan(before) and after is None:
            self.undefined.append(place)
        elif not _equal(before, after):
            self.differences.append(f"{place}: {_short(before)} → {_short(after)}")

    def _objects(self, place: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        seen = set()
        for key, value in before.items():
            name = self.renames.get(key, key)
            name = name if name in after else key
            seen.add(name)
            if key in self.ignored or name in self.ignored:
                continue
            if name in after:
                self.values(f"{place}.{key}", value, after[name])
            else:
                self.differences.append(f"{place}.{key}: gone, was {_short(value)}")
        self.added += [f"{place}.{key}" for key in after if key not in seen]

    def _lists(self, place: str, before: list[Any], after: list[Any]) -> None:
        if len(before) != len(after):
            self.differences.append(
                f"{place}: {len(before)} entries → {len(after)}: {_short(before)} → {_short(after)}"
            )
            return
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            self.values(f"{place}[{number}]", old, new)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _equal(before: Any, after: Any) -> bool:
    """Return whether two plain values are the same, but for rounding."""
    if type(before) is int and type(after) is int:
        return before == after
    numbers = (int, float)
    if type(before) in numbers and type(after) in numbers:
        both = _is_nan(before) and _is_nan(after)
        return both or math.isclose(before, after, rel_tol=TOLERANCE, abs_tol=1e-9)
    return type(before) is type(after) and bool(before == after)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else f"{text[:157]}..."


def compare(files: Sequence[Path], renames: Path | None, ignored: Collection[str]) -> Comparison:
    """Return the comparison of two files, before and after."""
    names = dict(RENAMES)
    if renames is not None:
        names |= json.loads(renames.read_text(encoding="utf-8"))
    comparison = Comparison(names, VARIES | set(ignored))
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in files)
    comparison.records(old, new)
    return comparison


def report(comparison: Comparison, say: Callable[[str], None] = print) -> None:
    """Print what was found, differences last."""
    for title, lines in (
        ("added", comparison.added),
        ("was NaN, is null", comparison.undefined),
        ("error reads otherwise", comparison.reworded),
        ("DIFFERENT", comparison.differences),
    ):
        for line in lines:
            say(f"{title}: {line}")
    say(
        f"{len(comparison.differences)} differences, {len(comparison.added)} keys added, "
        f"{len(comparison.undefined)} values null instead of NaN, "
        f"{len(comparison.reworded)} errors reworded"
    )


def main() -> None:
    """Parse the command line, and record or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hashlens", metavar="CMD", help="the command, such as .venv/bin/hashlens")
    parser.add_argument("--work", type=Path, metavar="DIR", help="an empty folder")
    parser.add_argument("--photos", type=Path, metavar="DIR", help="a dozen photographs, *.jpg")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the record is written")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    parser.add_argument("--renames", type=Path, metavar="FILE")
    parser.add_argument("--ignore", action="append", default=[], metavar="KEY")
    options = parser.parse_args()
    if options.compare:
        comparison = compare(options.compare, options.renames, options.ignore)
        report(comparison)
        raise SystemExit(1 if comparison.differences else 0)
    if None in (options.hashlens, options.work, options.photos, options.out):
        parser.error("give --hashlens, --work, --photos and --out, or --compare")
    found = record(shlex.split(options.hashlens), options.work, options.photos)
    options.out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
