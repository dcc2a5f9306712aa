"""`benchmark`: compare hashing methods on the same descriptors."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hashlens.cli.console import command_line, note, print_json, progress_bar, report_failures
from hashlens.cli.options import (
    PATH,
    bit_lengths,
    cache_option,
    comma_separated,
    data_folder_option,
    descriptor_option,
    json_option,
    weights_option,
)
from hashlens.printable import printable
from hashlens.progress import OnProgress

if TYPE_CHECKING:
    from hashlens.benchmark import Features, Results


@click.command()
@click.argument("data")
@click.option(
    "--out",
    type=PATH,
    required=True,
    metavar="DIR",
    help="Folder for the results; an interrupted run resumes from what is there.",
)
@click.option(
    "--bits",
    metavar="LENGTHS",
    default="32,48,64,128",
    help="Code lengths, separated by commas.",
)
@click.option(
    "--methods",
    metavar="NAMES",
    default="all",
    help="Methods, separated by commas, such as itq,autoencoder-paper; or all.",
)
@click.option(
    "--protocols",
    metavar="NAMES",
    default="standard,heldout,unseen",
    help="Protocols, separated by commas.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    help="How often each cell is trained and measured.",
)
@click.option(
    "--split-seed",
    default=0,
    help="Random seed of the splits of heldout and unseen, the same for all methods.",
)
@click.option(
    "--candidates",
    type=click.IntRange(min=1),
    default=4,
    help="Parameter sets that each method may try; 1 disables tuning.",
)
@descriptor_option
@weights_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    help="Number of processes that share the cells and the cores.",
)
@click.option("--plots/--no-plots", default=True, help="Draw figures (needs the extra bench).")
@data_folder_option
@cache_option
@json_option
def benchmark(
    data: str,
    out: Path,
    bits: str,
    methods: str,
    protocols: str,
    seeds: int,
    split_seed: int,
    candidates: int,
    descriptor: str,
    weights: Path | None,
    jobs: int,
    plots: bool,
    data_folder: Path | None,
    cache: Path | None,
    json: bool,
) -> None:
    """Compare hashing methods.

    DATA is labeled images, as `hashlens train` takes them. All methods get the same descriptors.
    Every cell of the table is kept in a file of its own, so an interrupted run resumes where it
    stopped. Parameters are chosen on a part of the training images, never on test images. Figures
    are exact expectations over all orders of ties.

    \b
    Examples:
      hashlens benchmark cifar100 --out results
      hashlens benchmark cifar100 --data ~/data/cifar100 --methods lsh,itq --bits 64 --out quick
      hashlens benchmark cifar100 --jobs 2 --out results

    With --jobs, cells are measured side by side, each on its share of the cores: the whole run is
    faster, although a single fit takes longer, which is what "fit s" then shows.
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
        bits=bit_lengths(bits),
        methods=comma_separated(methods),
        protocols=comma_separated(protocols),
        seeds=seeds,
        split_seed=split_seed,
        budget=Budget(candidates=candidates),
    )
    features = _features(data, data_folder, descriptor, weights, cache)
    with progress_bar("cells") as move:
        results = run_benchmark(features, settings, out, jobs=jobs, on_progress=_on_progress(move))
    found = document(results, features, settings, command_line())
    written = write_report(found, curves(results), out, plots=plots)
    if json:
        print_json(found)
    else:
        _print_tables(results)
        figures = len([path for path in written if path.suffix in (".png", ".svg")])
        note(f"wrote {written[0].name}, {written[1].name} and {figures} figures to {out}")
    for failure in results.failures:
        note(f"not measured: {failure['step']}: {failure['error']} ({failure['where']})")
    if results.failures:
        raise SystemExit(1)


def _features(
    data: str, folder: Path | None, descriptor: str, weights: Path | None, cache: Path | None
) -> Features:
    """Return the descriptors of a data set, computing those that the cache lacks."""
    from hashlens.benchmark import Features
    from hashlens.datasets.described import describe_dataset
    from hashlens.datasets.opening import load_dataset
    from hashlens.descriptors import load_descriptor
    from hashlens.files.cache_folder import cache_folder

    network = load_descriptor(descriptor, weights)
    with progress_bar("images") as move:
        described = describe_dataset(load_dataset(data, folder), network, cache_folder(cache), move)
    report_failures(
        [*described.train.failed, *described.test.failed], "hashlens train DATA --check --json"
    )
    return Features.from_described(described, Path(data).name or "data")


def _on_progress(move: OnProgress) -> OnProgress:
    """Return what shows the progress: the bar on a terminal, otherwise one line per step."""
    began = time.monotonic()

    def show(step: str, done: int, total: int) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            move("benchmark", done, total)
        else:
            minutes = (time.monotonic() - began) / 60
            note(f"[{minutes:6.1f} min] {done}/{total} {step}")

    return show


def _print_tables(results: Results) -> None:
    """Print the precision at 5, one table per protocol."""
    from rich.console import Console
    from rich.table import Table

    from hashlens.benchmark import cells

    found = cells(results.rows)
    console = Console(markup=False)
    for protocol, split in results.splits.items():
        here = [cell for cell in found if cell.protocol == protocol]
        lengths = sorted({cell.bits for cell in here})
        table = Table(title=printable(split), title_justify="left")
        table.add_column("precision@5, %")
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
            shown = [value.percent() if value else "–" for value in values]
            table.add_row(printable(label), *shown)
        console.print(table)
