"""`train`: from labeled images to a model directory."""

from __future__ import annotations

from pathlib import Path

import click

import hashlens
from hashlens.cli.console import command_line, note, notes, print_json, progress_bar, show
from hashlens.cli.figures import print_epoch, print_figures
from hashlens.cli.options import (
    PATH,
    cache_option,
    chosen_data,
    data_folder_option,
    descriptor_option,
    json_option,
    part_options,
    protocol_option,
    split_seed_option,
    strict_data_option,
    weights_option,
)
from hashlens.datasets import Dataset
from hashlens.datasets.checking import check_dataset
from hashlens.datasets.findings import MAX_UNUSABLE
from hashlens.model.card import REPORT_PAGE


@click.command()
@click.argument("data", required=False)
@part_options
@click.option("--bits", default=64, help="Code length: a multiple of 8, up to 512.")
@click.option(
    "--method",
    metavar="NAME",
    default="autoencoder",
    help="The hashing method, such as autoencoder, itq or lsh.",
)
@click.option(
    "--preset",
    metavar="NAME",
    help="Configuration of the autoencoder: default; general, if you will also search for classes "
    "that are not in DATA; or paper, as published.",
)
@click.option(
    "--out",
    "--model",
    "out",
    type=PATH,
    metavar="DIR",
    help="The model directory to write. Default: METHOD-BITS in the current folder.",
)
@descriptor_option
@weights_option
@protocol_option
@split_seed_option
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Maximum number of epochs, for methods that train a network.",
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Peak learning rate, for methods that train a network; lower it if training diverges.",
)
@click.option("--seed", default=0, help="Random seed of the method.")
@click.option(
    "--tune",
    metavar="WHAT",
    default="head",
    help="What to train. head: only the hash; last: the last blocks of the descriptor's network "
    "too; all: the whole network.",
)
@click.option(
    "--tune-blocks",
    type=click.IntRange(min=1),
    help="Number of blocks that --tune last changes. Default: half of them.",
)
@click.option(
    "--tune-crops",
    type=click.IntRange(min=0),
    default=4,
    help="Random crops per image, half of them mirrored, to train on besides the image itself; "
    "--tune all draws new ones in every epoch.",
)
@click.option("--device", metavar="NAME", help="cpu, cuda or mps. Default: the best available.")
@click.option(
    "--report/--no-report",
    default=True,
    help="Write report.html and report.json into the model directory. The page contains thumbnails "
    "of some images.",
)
@click.option("--check", is_flag=True, help="Only check the data, report what was found, and stop.")
@click.option(
    "--max-unusable",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=MAX_UNUSABLE,
    help="Share of the images that may be unreadable or have contradicting labels.",
)
@strict_data_option
@data_folder_option
@cache_option
@json_option
def train(
    data: str | None,
    train_part: Path | None,
    validation_part: Path | None,
    test_part: Path | None,
    bits: int,
    method: str,
    preset: str | None,
    out: Path | None,
    descriptor: str,
    weights: Path | None,
    protocol: str,
    split_seed: int,
    epochs: int | None,
    learning_rate: float | None,
    seed: int,
    tune: str,
    tune_blocks: int | None,
    tune_crops: int,
    device: str | None,
    report: bool,
    check: bool,
    max_unusable: float,
    strict: bool,
    data_folder: Path | None,
    cache: Path | None,
    json: bool,
) -> None:
    """Train a code on labeled images.

    DATA is a folder with one sub-folder per class, with or without train, val and test folders
    above them; a CSV file with the columns path and label; a folder of parquet files; or
    'cifar100'.

    Writes a model directory. The data is checked first: unreadable images, copies and images with
    contradicting labels are reported and left out. Descriptors are computed once and cached, so
    another method or code length only takes its own training. If fine-tuning (--tune) is
    interrupted, the same command resumes after the last finished epoch.

    \b
    Examples:
      hashlens train products/ --check
      hashlens train products/ --bits 64 --out products-64
      hashlens train --train fold-1/ --test fold-2/
      hashlens train cifar100 --method itq --bits 128
      hashlens train cifar100 --data ~/data/cifar100 --preset paper --epochs 10
      hashlens train products/ --method codebook --tune last
    """
    parts = {"train": train_part, "validation": validation_part, "test": test_part}
    labeled = chosen_data(data, data_folder, parts)
    if check:
        _check(labeled, data_folder, max_unusable, strict, json)
        return
    target = out or Path(f"{method}-{bits}")
    with progress_bar("images") as move:
        model = hashlens.train(
            labeled,
            method,
            bits,
            preset=preset,
            epochs=epochs,
            learning_rate=learning_rate,
            seed=seed,
            protocol=protocol,
            split_seed=split_seed,
            descriptor=descriptor,
            weights=weights,
            tune=tune,
            tune_blocks=tune_blocks,
            tune_crops=tune_crops,
            device=device,
            out=target,
            report=report,
            command=command_line(),
            max_unusable=max_unusable,
            strict=strict,
            data_folder=data_folder,
            cache=cache,
            on_progress=move,
            on_epoch=print_epoch,
            on_message=note,
        )
    record = model.training
    assert record is not None
    page = target / REPORT_PAGE if report and (target / REPORT_PAGE).is_file() else None
    if json:
        where = {"model": str(target), "report": None if page is None else str(page)}
        print_json({**where, "training": record.to_dict(), **model.metrics})
        return
    print_figures(model.metrics)
    show(f"model       {target}  ({record.seconds:.0f} s of training)")
    if page is not None:
        show(f"report      {page}")


def _check(
    data: str | Dataset, folder: Path | None, max_unusable: float, strict: bool, json: bool
) -> None:
    """Report what is found in the data; fail if too much of it can't be used."""
    with progress_bar("images") as move:
        dataset = hashlens.load_dataset(data, folder) if isinstance(data, str) else data
        _, found = check_dataset(dataset, True, move)
    notes(found.lines())
    if json:
        print_json(found.as_dict())
    if strict:
        found.check_complete()
    found.check_limit(max_unusable)
