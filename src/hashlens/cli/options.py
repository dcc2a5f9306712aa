"""Options and arguments that several commands share, with their help written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashlens.errors import ParameterError
from hashlens.files.cache_folder import CACHE_VARIABLE

CollectionOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--collection",
        envvar="HASHLENS_COLLECTION",
        metavar="DIR",
        help="The collection's directory. Default: one in your user data directory.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document and nothing else.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if any image could not be read.")
]
PrecisionOption = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="SHARE",
        help="Choose the radius within which this share of pairs, such as 0.95, had the same label "
        "when the model was calibrated.",
        show_default=False,
    ),
]

DataArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Labeled images: a folder with one sub-folder per class, a CSV file with the columns "
        "path and label, a folder of parquet files, or 'cifar100'.",
        show_default=False,
    ),
]
DataFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Read a data set given by name from this folder instead of downloading it.",
    ),
]
ProtocolOption = Annotated[
    str,
    typer.Option(
        help="What is searched. standard: the training images; heldout: images of the trained "
        "classes that training never saw; unseen: images of classes that training never saw."
    ),
]
SplitSeedOption = Annotated[
    int, typer.Option("--split-seed", help="Random seed of the protocol's split.")
]
DescriptorOption = Annotated[
    str, typer.Option(help="The descriptor: default, timm:NAME or onnx:FILE.")
]
WeightsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Local weights for a timm: descriptor.")
]

CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        envvar=CACHE_VARIABLE,
        metavar="DIR",
        help="Where descriptors are kept between runs. Default: your user cache directory.",
        show_default=False,
    ),
]


def collection_folder(given: Path | None) -> Path:
    """Return the collection's directory: the one given, else the user's own."""
    if given is not None:
        return given
    from platformdirs import user_data_path

    return user_data_path("hashlens", appauthor=False) / "collection"


def comma_separated(text: str) -> tuple[str, ...]:
    """Return the parts of a list such as ``itq,lsh``."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def bit_lengths(text: str) -> tuple[int, ...]:
    """Return the code lengths of a list such as ``32,64``.

    Raises
    ------
    ParameterError
    """
    try:
        return tuple(int(part) for part in comma_separated(text))
    except ValueError:
        raise ParameterError(
            f"--bits must be code lengths separated by commas, such as 32,64. Got {text!r} instead."
        ) from None
