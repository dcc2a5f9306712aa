"""`evaluate`: measure a model on labeled images."""

from __future__ import annotations

from pathlib import Path

import click

import hashlens
from hashlens.cli.console import note, print_json, progress_bar
from hashlens.cli.figures import print_figures
from hashlens.cli.options import (
    cache_option,
    chosen_data,
    data_folder_option,
    json_option,
    part_options,
    protocol_option,
    split_seed_option,
    strict_data_option,
)


@click.command()
@click.argument("model")
@click.argument("data", required=False)
@part_options
@protocol_option
@split_seed_option
@strict_data_option
@data_folder_option
@cache_option
@json_option
def evaluate(
    model: str,
    data: str | None,
    train_part: Path | None,
    validation_part: Path | None,
    test_part: Path | None,
    protocol: str,
    split_seed: int,
    strict: bool,
    data_folder: Path | None,
    cache: Path | None,
    json: bool,
) -> None:
    """Measure a model on labeled images.

    MODEL is a model directory, or 'default' for the bundled model.
    DATA is a folder with one sub-folder per class, with or without train, val and test folders
    above them; a CSV file with the columns path and label; a folder of parquet files; or
    'cifar100'.

    Reports precision at 5, mAP and statistics of the codes. Learned codes collapse, so hundreds of
    images may tie: each figure is the exact expectation over all orders of ties, shown with the
    worst and the best order.

    \b
    Examples:
      hashlens evaluate products-64 products/
      hashlens evaluate default cifar100 --protocol unseen --json
    """
    chosen = hashlens.load_model(model)
    parts = {"train": train_part, "validation": validation_part, "test": test_part}
    labeled = chosen_data(data, data_folder, parts)
    if isinstance(labeled, str):
        labeled = hashlens.load_dataset(labeled, data_folder)
    with progress_bar("images") as move:
        figures = chosen.evaluate(
            labeled,
            protocol,
            split_seed=split_seed,
            cache=cache,
            strict=strict,
            on_progress=move,
            on_message=note,
        )
    if json:
        print_json(figures)
    else:
        print_figures(figures)
