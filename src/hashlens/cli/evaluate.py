"""`evaluate`: measure a model on labeled images."""

from __future__ import annotations

from typing import Annotated

import typer

from hashlens.cli.console import notes, print_json
from hashlens.cli.datasets import check_protocol, described, opened
from hashlens.cli.figures import print_figures
from hashlens.cli.options import (
    CacheOption,
    DataArgument,
    DataFolderOption,
    JsonOption,
    ProtocolOption,
    SplitSeedOption,
)
from hashlens.model.loading import load_model

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
    encoder = load_model(model)
    network = encoder.load_descriptor()
    dataset, found = opened(data, data_folder)
    notes(found.losses())
    check_protocol(dataset, protocol, split_seed)
    measured = described(dataset, found, network, cache, None)
    figures = encoder.evaluate(measured, protocol, split_seed=split_seed)
    if json:
        print_json(figures)
    else:
        print_figures(figures)
