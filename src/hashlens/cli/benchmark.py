"""`benchmark`: every hashing method on the same descriptors, by the same honest measure."""

from __future__ import annotations

import json as json_text
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashlens.cli.console import note, progress_bar, report_failures
from hashlens.cli.options import CacheOption, DataFolderOption, JsonOption
from hashlens.errors import ParameterError
from hashlens.progress import OnProgress

if TYPE_CHECKING:
    from hashlens.benchmark import Features, Results


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(benchmark)


def benchmark(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="cifar100, or a folder of labeled images as `train` takes it.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Folder of results; a run that was stopped goes on from it."
        ),
    ],
    bits: Annotated[str, typer.Option(help="Code lengths, by commas.")] = "32,48,64,128",
    methods: Annotated[
        str, typer.Option(help="Methods, by commas, such as itq,autoencoder-paper; or all.")
    ] = "all",
    protocols: Annotated[
        str, typer.Option(help="Protocols, by commas.")
    ] = "standard,heldout,unseen",
    seeds: Annotated[int, typer.Option(min=1, help="Fits of each cell.")] = 3,
    split_seed: Annotated[
        int, typer.Option(help="Seed of the parts of heldout and unseen, the same for all methods.")
    ] = 0,
    candidates: Annotated[
        int, typer.Option(min=1, help="Parameter sets that each method may try; 1 tunes nothing.")
    ] = 4,
    descriptor: Annotated[str, typer.Option(help="default, timm:NAME or onnx:FILE.")] = "default",
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Local weights of a timm: descriptor.")
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, help="Runs that share the work, and the cores among them.")
    ] = 1,
    plots: Annotated[bool, typer.Option(help="Draw figures (extra: bench).")] = True,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Compare hashing methods on the same descriptors, ties resolved honestly.

    Every cell is kept in its own file, so a run that was stopped goes on where it was. Parameters
    are chosen on a part of the training images, never on test images.

    \b
    Examples:
      hashlens benchmark cifar100 --out results
      hashlens benchmark cifar100 --data ~/data/cifar100 --methods lsh,itq --bits 64 --out quick
      hashlens benchmark cifar100 --jobs 2 --out results

    With --jobs, cells are measured side by side, each with its share of the cores: faster in all,
    though a single fit takes longer, which is what its "fit s" then says.
    """
    from hashlens.benchmark import (
        Budget,
        Settings,
        curves,
        document,
        run_benchmark,
        write_report,
    )

    settings = Settings(
        bits=_numbers(bits),
        methods=_names(methods),
        protocols=_names(protocols),
        seeds=seeds,
        split_seed=split_seed,
        budget=Budget(candidates=candidates),
    )
    features = _features(data, data_folder, descriptor, weights, cache)
    with progress_bar("cells") as move:
        results = run_benchmark(features, settings, out, jobs=jobs, on_progress=_on_progress(move))
    found = document(results, features, settings, shlex.join(["hashlens", *sys.argv[1:]]))
    written = write_report(found, curves(results), out, plots=plots)
    if json:
        typer.echo(json_text.dumps(found, indent=1, allow_nan=False))
    else:
        _print_tables(results)
        figures = len([path for path in written if path.suffix in (".png", ".svg")])
        note(f"wrote {written[0].name}, {written[1].name} and {figures} figures to {out}")
    for failure in results.failures:
        note(f"not measured: {failure['step']}: {failure['error']} ({failure['where']})")
    if results.failures:
        raise typer.Exit(1)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _names(text))
    except ValueError:
        raise ParameterError(
            f"--bits must be numbers by commas, such as 32,64. Got {text!r} instead."
        ) from None


def _features(
    data: str, folder: Path | None, descriptor: str, weights: Path | None, cache: Path | None
) -> Features:
    """Return the descriptors of a data set, computing those that the cache lacks."""
    from hashlens.benchmark import Features
    from hashlens.cli.datasets import NAME_ALL
    from hashlens.datasets.dataset import load_dataset
    from hashlens.datasets.described import describe_dataset
    from hashlens.descriptors import load_descriptor
    from hashlens.files.cache_folder import cache_folder

    network = load_descriptor(descriptor, weights)
    with progress_bar("images") as move:
        described = describe_dataset(load_dataset(data, folder), network, cache_folder(cache), move)
    report_failures([*described.train.failed, *described.test.failed], NAME_ALL)
    return Features.from_described(described, Path(data).name or "data")


def _on_progress(move: OnProgress) -> OnProgress:
    """Return what shows the progress: the bar on a terminal, otherwise a line per step."""
    began = time.monotonic()

    def show(step: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            move("benchmark", done, total)
        else:
            minutes = (time.monotonic() - began) / 60
            note(f"[{minutes:6.1f} min] {done}/{total} {step}")

    return show


def _print_tables(results: Results) -> None:
    """Print precision at 5, a table per protocol."""
    from rich.console import Console
    from rich.table import Table

    from hashlens.benchmark import cells

    found = cells(results.rows)
    console = Console()
    for protocol, split in results.splits.items():
        here = [cell for cell in found if cell.protocol == protocol]
        lengths = sorted({cell.bits for cell in here})
        table = Table(title=split, title_justify="left")
        table.add_column("precision at 5, %")
        for length in lengths:
            table.add_column(f"{length} bits", justify="right")
        for row in results.baselines:
            figure = row.get("precision_at_5", row.get("accuracy"))
            if row["protocol"] == protocol and figure is not None:
                name = row["baseline"] + ("" if "precision_at_5" in row else " (accuracy)")
                table.add_row(name, *[f"{100 * figure:.1f}"] * len(lengths), style="dim")
        for label in dict.fromkeys(cell.label for cell in here):
            of_length = {
                cell.bits: cell.spread("precision_at_5") for cell in here if cell.label == label
            }
            values = [of_length.get(length) for length in lengths]
            table.add_row(label, *(value.percent() if value else "–" for value in values))
        console.print(table)
