"""Measure how long hashlens takes to start, and to search a collection once it is open.

    python benchmarks/startup.py --make DIR --count 10000 --python PY
    python benchmarks/startup.py --python PY --hashlens CMD --collection DIR --query IMG
    python benchmarks/startup.py --search-open DIR --query IMG --python PY

The first makes a collection with so many rows and random codes, without encoding images. The second
prints medians of whole processes, and their ratios to `import numpy, onnxruntime`, below which no
search can be; with --beside PY2 CMD2 DIR2 another installation takes turns with it, so that what
disturbs the machine disturbs both. Where other work goes on, compare the least times and those of
the processor. The third asks a collection that stays open. --out FILE writes what was measured as
JSON.

PY is the Python and CMD the command of an installation. Every time is that of a new process whose
files the system has in memory: each command runs once before. Python's bytecode is kept in a folder
of this run, whatever the installation has or may write.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

YARDSTICK = "import numpy, onnxruntime"
BATCH = 50_000
"""Rows of one commit."""
_UNSET = ("OPENBLAS_CORETYPE", "PYTHONDONTWRITEBYTECODE", "HASHLENS_COLLECTION")


class Spent(NamedTuple):
    """Milliseconds of one process: on the clock, and of the processor."""

    wall: float
    cpu: float


def timed_environment(bytecode: str) -> dict[str, str]:
    """Return the environment of processes whose time is taken."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNSET}
    return kept | {"PYTHONPYCACHEPREFIX": bytecode}


def run_process(command: list[str], scratch: str) -> Spent:
    """Run a command to its end in an empty folder, and return what it took.

    Raises
    ------
    SystemExit
        If it fails.
    """
    folder = Path(scratch) / "empty"
    folder.mkdir(exist_ok=True)
    environment = timed_environment(f"{scratch}/bytecode")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} failed: {done.stderr.decode(errors='replace')}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(1000 * wall, 1000 * cpu)


def take_turns(commands: dict[str, list[str]], rounds: int) -> dict[str, list[Spent]]:
    """Return what each command took in so many rounds, each in an order of its own."""
    order = random.Random(0)
    spent: dict[str, list[Spent]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as scratch:
        for command in commands.values():
            run_process(command, scratch)
        for _ in range(rounds):
            for name in order.sample(list(commands), len(commands)):
                spent[name].append(run_process(commands[name], scratch))
    return spent


def commands_of(python: str, hashlens: str, collection: str, query: Path) -> dict[str, list[str]]:
    """Return the commands that are measured of an installation, by what the table calls them."""
    interpreter, command = _absolute(python), _absolute(hashlens)
    return {
        "python": [*interpreter, "-c", "pass"],
        YARDSTICK: [*interpreter, "-c", YARDSTICK],
        "import hashlens": [*interpreter, "-c", "import hashlens"],
        "hashlens --version": [*command, "--version"],
        "hashlens --help": [*command, "--help"],
        "hashlens search": [*command, *_search_arguments(Path(collection), query)],
    }


def _search_arguments(collection: Path, query: Path) -> list[str]:
    return ["search", str(query.resolve()), "-k", "10", "-c", str(collection.resolve()), "--json"]


def _absolute(command: str) -> list[str]:
    """Return the words of a command whose program, where it is a file, has its full path."""
    program, *arguments = shlex.split(command)
    # Not resolved: the Python of a virtual environment is a link, and is to be called by its name.
    return [str(Path(program).absolute()) if os.sep in program else program, *arguments]


def measure_startup(options: argparse.Namespace) -> dict[str, Any]:
    """Take the times of one installation, or of two in turns."""
    sides = {"this": (options.python, options.hashlens, options.collection)}
    if options.beside:
        sides["beside"] = tuple(options.beside)
    load = os.getloadavg()[0]
    commands = {
        f"{side}: {name}": command
        for side, places in sides.items()
        for name, command in commands_of(*places, options.query).items()
    }
    spent = take_turns(commands, options.rounds)
    found: dict[str, Any] = {"rounds": options.rounds, "load_before": load}
    for side in sides:
        mine = {
            name.removeprefix(f"{side}: "): times
            for name, times in spent.items()
            if name.startswith(f"{side}: ")
        }
        unit = _median(mine[YARDSTICK])
        found[side] = {name: _summary(times, unit) for name, times in mine.items()}
    return found


def _median(spent: list[Spent]) -> float:
    return statistics.median(one.wall for one in spent)


def _summary(spent: list[Spent], unit: float) -> dict[str, Any]:
    median = _median(spent)
    return {
        "milliseconds": round(median, 1),
        "ratio": round(median / unit, 2),
        "least_milliseconds": round(min(one.wall for one in spent), 1),
        "cpu_milliseconds": round(statistics.median(one.cpu for one in spent), 1),
        "each_milliseconds": [round(one.wall, 1) for one in spent],
    }


def startup_table(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a table of medians."""
    sides = [side for side in ("this", "beside") if side in found]
    width = 2 + max(len(name) for name in found["this"])
    yield f"{'median of ' + str(found['rounds']):{width}}" + "".join(
        f"{side + ', ms':>12}{'ratio':>8}{'least':>9}{'CPU':>9}" for side in sides
    )
    for name in found["this"]:
        rows = [found[side][name] for side in sides]
        yield f"{name:{width}}" + "".join(
            f"{row['milliseconds']:12.1f}{row['ratio']:8.2f}"
            f"{row['least_milliseconds']:9.1f}{row['cpu_milliseconds']:9.1f}"
            for row in rows
        )
    yield f"ratio: of medians, to {YARDSTICK!r} of the same installation"
    yield "least: milliseconds of the fastest run; CPU: median milliseconds of the processor"


def make_collection(folder: Path, count: int) -> None:
    """Make a collection of so many images that do not exist, with random codes."""
    import numpy as np

    store = ("hashlens.collection.store", "hashlens.store")
    storage_class, change, row, state = (
        _found(name, *store) for name in ("Storage", "Change", "FileRow", "CatalogState")
    )
    model = _default_model()
    rng = np.random.default_rng(0)
    storage = storage_class.create(
        folder, state(model.bits, model.digest, None), lambda place: model.save(place / "model")
    )
    try:
        for start in range(0, count, BATCH):
            numbers = range(start, min(start + BATCH, count))
            codes = rng.integers(0, 256, (len(numbers), model.bits // 8), dtype=np.uint8)
            storage.commit(
                [
                    change(row(_path(number), 50_000, 0, rng.bytes(32), None), code)
                    for number, code in zip(numbers, codes, strict=True)
                ]
            )
    finally:
        storage.close()


def _path(number: int) -> str:
    return f"/photos/{number // 1000:04}/{number:07}.jpg"


def _default_model() -> Any:
    """Return the bundled model, by the name that the installed version has for it."""
    try:
        return _found("load_model", "hashlens.model")()
    except ImportError:
        return _found("load_encoder", "hashlens.model.model", "hashlens.encoder")()


def _found(name: str, *modules: str) -> Any:
    """Return what is called so in the first of some modules that has it.

    Raises
    ------
    ImportError
        If none has.
    """
    for module in modules:
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise ImportError(f"{name} is in none of {', '.join(modules)}.")


def ask_open_collection(folder: Path, query: Path, calls: int) -> dict[str, Any]:
    """Open a collection, search it for decoded pixels again and again, and return the times."""
    import numpy as np
    from PIL import Image

    from hashlens.collection import Collection

    with Image.open(query) as image:
        pixels = np.asarray(image.convert("RGB"))
    began = time.perf_counter()
    with Collection.open(folder) as collection:
        opened = time.perf_counter()
        collection.search(pixels, k=10)
        first = time.perf_counter()
        times = []
        for _ in range(calls):
            start = time.perf_counter()
            collection.search(pixels, k=10)
            times.append(1000 * (time.perf_counter() - start))
        count = len(collection)
    return {
        "images": count,
        "open_milliseconds": round(1000 * (opened - began), 2),
        "first_search_milliseconds": round(1000 * (first - opened), 2),
        "search_milliseconds": round(statistics.median(times), 2),
        "each_milliseconds": [round(one, 2) for one in times],
    }


def measure_open(options: argparse.Namespace) -> dict[str, Any]:
    """Return the times of a collection that stays open, and of a process that opens it anew."""
    folder, query = options.search_open.resolve(), options.query.resolve()
    arguments = ["--here", "--search-open", str(folder), "--query", str(query)]
    with tempfile.TemporaryDirectory() as scratch:
        answer = subprocess.run(
            [*_absolute(options.python), __file__, *arguments, "--calls", str(options.calls)],
            env=timed_environment(scratch),
            stdout=subprocess.PIPE,
        )
    if answer.returncode:
        raise SystemExit(answer.returncode)  # What is wrong was said on stderr.
    found: dict[str, Any] = json.loads(answer.stdout)
    command = _absolute(options.hashlens or f"{shlex.quote(options.python)} -m hashlens")
    cold = take_turns({"cold": [*command, *_search_arguments(folder, query)]}, options.rounds)
    spent = cold["cold"]
    found["cold_process_milliseconds"] = round(_median(spent), 1)
    found["cold_process_each_milliseconds"] = [round(one.wall, 1) for one in spent]
    return found


def open_lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the figures of `measure_open` for people."""
    calls = len(found["each_milliseconds"])
    yield f"{found['images']:,} images"
    yield f"opening                 {found['open_milliseconds']:9.2f} ms"
    yield f"first search            {found['first_search_milliseconds']:9.2f} ms"
    yield f"search, median of {calls:3}   {found['search_milliseconds']:9.2f} ms"
    yield f"cold process            {found['cold_process_milliseconds']:9.2f} ms"


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", metavar="PY", default=sys.executable)
    parser.add_argument("--hashlens", metavar="CMD", help="default: PY -m hashlens")
    parser.add_argument("--collection", type=Path, metavar="DIR")
    parser.add_argument("--query", type=Path, metavar="IMG")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--beside", nargs=3, metavar=("PY2", "CMD2", "DIR2"))
    parser.add_argument("--make", type=Path, metavar="DIR")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--search-open", type=Path, metavar="DIR")
    parser.add_argument("--calls", type=int, default=30, help="searches of an open collection")
    parser.add_argument("--out", type=Path, metavar="FILE")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make is None and options.query is None:
        parser.error("give --query IMG")
    if not (options.make or options.search_open or options.collection):
        parser.error("give --collection DIR, --search-open DIR or --make DIR")
    return options


def main() -> None:
    """Make a collection, or measure and print."""
    options = parse()
    if options.make is not None:
        if options.here:
            make_collection(options.make, options.count)
        else:
            arguments = ["--here", "--make", str(options.make), "--count", str(options.count)]
            done = subprocess.run([*_absolute(options.python), __file__, *arguments])
            raise SystemExit(done.returncode)
        return
    if options.here:
        print(
            json.dumps(
                ask_open_collection(options.search_open, options.query, options.calls),
                allow_nan=False,
            )
        )
        return
    if options.search_open is not None:
        found = measure_open(options)
        lines = open_lines(found)
    else:
        options.hashlens = options.hashlens or f"{shlex.quote(options.python)} -m hashlens"
        found = measure_startup(options)
        lines = startup_table(found)
    print(*lines, sep="\n")
    if options.out is not None:
        options.out.write_text(
            json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
