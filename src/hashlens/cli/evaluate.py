"""`evaluate`: measure a model on labeled images."""

from __future__ import annotations

from typing import Annotated

import typer

import hashlens
from hashlens.cli.console import note, print_json, progress_bar
from hashlens.cli.figures import print_figures
from hashlens.cli.options import (
    CacheOption,
    DataArgument,
    DataFolderOption,
    JsonOption,
    ProtocolOption,
    SplitSeedOption,
)

_Model = Annotated[str, typer.Argument(metavar="MODEL", help="A model directory, or 'default'.")]


def evaluate(
    model: _Model,
    data: DataArgument,
    protocol: ProtocolOption = "standard",
    split_seed: SplitSeedOption = 0,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a model on labeled images.

    Reports precision at 5, mAP and statistics of the codes. Learned codes collapse, so hundreds of
    images may tie: each figure is the exact expectation over all orders of ties, shown with the
    worst and the best order.

    \b
    Examples:
      hashlens evaluate products-64 products/
      hashlens evaluate default cifar100 --protocol unseen --json
    """
    chosen = hashlens.load_model(model)
    labeled = hashlens.load_dataset(data, data_folder)
    with progress_bar("images") as move:
        figures = chosen.evaluate(
            labeled,
            protocol,
            split_seed=split_seed,
            cache=cache,
            on_progress=move,
            on_message=note,
        )
    if json:
        print_json(figures)
    else:
        print_figures(figures)
