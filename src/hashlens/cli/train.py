"""`train`: from labeled images to a model directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import hashlens
from hashlens.cli.console import command_line, note, notes, print_json, progress_bar
from hashlens.cli.figures import print_epoch, print_figures
from hashlens.cli.options import (
    CacheOption,
    DataArgument,
    DataFolderOption,
    DescriptorOption,
    JsonOption,
    ProtocolOption,
    SplitSeedOption,
    WeightsOption,
)
from hashlens.datasets.checking import check_dataset
from hashlens.datasets.findings import MAX_UNUSABLE
from hashlens.model.card import REPORT_PAGE

_Bits = Annotated[int, typer.Option(help="Code length: a multiple of 8, up to 512.")]
_Method = Annotated[str, typer.Option(help="The hashing method, such as autoencoder, itq or lsh.")]
_Preset = Annotated[
    str | None,
    typer.Option(
        help="Configuration of the autoencoder: default; general, if you will also search for "
        "classes that are not in DATA; or paper, as published.",
        show_default=False,
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "--model",
        metavar="DIR",
        help="The model directory to write. Default: METHOD-BITS in the current folder.",
        show_default=False,
    ),
]
_Epochs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Maximum number of epochs, for methods that train a network.",
        show_default=False,
    ),
]
_LearningRate = Annotated[
    float | None,
    typer.Option(
        min=1e-9,
        help="Peak learning rate, for methods that train a network; lower it if training diverges.",
        show_default=False,
    ),
]
_Seed = Annotated[int, typer.Option(help="Random seed of the method.")]
_Tune = Annotated[
    str,
    typer.Option(
        help="What to train. head: only the hash; last: the last blocks of the descriptor's "
        "network too; all: the whole network."
    ),
]
_TuneBlocks = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of blocks that --tune last changes. Default: half of them.",
        show_default=False,
    ),
]
_TuneCrops = Annotated[
    int,
    typer.Option(
        min=0,
        help="Random crops per image, half of them mirrored, to train on besides the image itself; "
        "--tune all draws new ones in every epoch.",
    ),
]
_Device = Annotated[
    str | None,
    typer.Option(help="cpu, cuda or mps. Default: the best available.", show_default=False),
]
_Report = Annotated[
    bool,
    typer.Option(
        "--report/--no-report",
        help="Write report.html and report.json into the model directory. The page contains "
        "thumbnails of some images.",
    ),
]
_Check = Annotated[
    bool, typer.Option("--check", help="Only check the data, report what was found, and stop.")
]
_MaxUnusable = Annotated[
    float,
    typer.Option(
        "--max-unusable",
        metavar="SHARE",
        min=0,
        max=1,
        help="Share of the images that may be unreadable or have contradicting labels.",
    ),
]


def train(
    data: DataArgument,
    bits: _Bits = 64,
    method: _Method = "autoencoder",
    preset: _Preset = None,
    out: _Out = None,
    descriptor: DescriptorOption = "default",
    weights: WeightsOption = None,
    protocol: ProtocolOption = "standard",
    split_seed: SplitSeedOption = 0,
    epochs: _Epochs = None,
    learning_rate: _LearningRate = None,
    seed: _Seed = 0,
    tune: _Tune = "head",
    tune_blocks: _TuneBlocks = None,
    tune_crops: _TuneCrops = 4,
    device: _Device = None,
    report: _Report = True,
    check: _Check = False,
    max_unusable: _MaxUnusable = MAX_UNUSABLE,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Train a code on labeled images.

    Writes a model directory. The data is checked first: unreadable images, copies and images with
    contradicting labels are reported and left out. Descriptors are computed once and cached, so
    another method or code length only takes its own training. If fine-tuning (--tune) is
    interrupted, the same command resumes after the last finished epoch.

    \b
    Examples:
      hashlens train products/ --check
      hashlens train products/ --bits 64 --out products-64
      hashlens train cifar100 --method itq --bits 128
      hashlens train cifar100 --data ~/data/cifar100 --preset paper --epochs 10
      hashlens train products/ --method codebook --tune last
    """
    if check:
        _check(data, data_folder, max_unusable, json)
        return
    target = out or Path(f"{method}-{bits}")
    with progress_bar("images") as move:
        model = hashlens.train(
            data,
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
    typer.echo(f"model       {target}  ({record.seconds:.0f} s of training)")
    if page is not None:
        typer.echo(f"report      {page}")


def _check(data: str, folder: Path | None, max_unusable: float, json: bool) -> None:
    """Report what is found in the data; fail if too much of it can't be used."""
    with progress_bar("images") as move:
        _, found = check_dataset(hashlens.load_dataset(data, folder), True, move)
    notes(found.lines())
    if json:
        print_json(found.as_dict())
    found.check_limit(max_unusable)
