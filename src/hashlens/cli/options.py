"""Options and arguments that several commands share, with their help written once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hashlens.errors import ParameterError
from hashlens.files.cache_folder import CACHE_VARIABLE

if TYPE_CHECKING:
    from hashlens.datasets import Dataset

PATH = click.Path(path_type=Path)
"""A path that need not exist."""

collection_option = click.option(
    "-c",
    "--collection",
    type=PATH,
    envvar="HASHLENS_COLLECTION",
    metavar="DIR",
    help="The collection's directory. Default: one in your user data directory.",
)
json_option = click.option("--json", is_flag=True, help="Print one JSON document and nothing else.")
strict_option = click.option(
    "--strict", is_flag=True, help="Exit with 1 if any file could not be read or was passed over."
)
force_option = click.option(
    "--force", is_flag=True, help="Read all files, also those of unchanged size and date."
)
precision_option = click.option(
    "--precision",
    type=float,
    metavar="SHARE",
    help="Choose the radius within which this share of pairs, such as 0.95, had the same label "
    "when the model was calibrated.",
)
data_folder_option = click.option(
    "--data",
    "data_folder",
    type=PATH,
    metavar="DIR",
    help="Read a data set given by name from this folder instead of downloading it.",
)
strict_data_option = click.option(
    "--strict",
    is_flag=True,
    help="Exit with 1 if anything in the data would be left out: files passed over, unreadable "
    "images, images without a class that is trained on.",
)
protocol_option = click.option(
    "--protocol",
    metavar="NAME",
    default="standard",
    help="What is searched. standard: the training images; heldout: images of the trained classes "
    "that training never saw; unseen: images of classes that training never saw.",
)
split_seed_option = click.option(
    "--split-seed", default=0, help="Random seed of the protocol's split."
)
descriptor_option = click.option(
    "--descriptor",
    metavar="NAME",
    default="default",
    help="The descriptor: default, timm:NAME or onnx:FILE.",
)
weights_option = click.option(
    "--weights", type=PATH, metavar="FILE", help="Local weights for a timm: descriptor."
)
cache_option = click.option(
    "--cache",
    type=PATH,
    envvar=CACHE_VARIABLE,
    metavar="DIR",
    help="Where descriptors are kept between runs. Default: your user cache directory.",
)


def part_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name the parts of a data set instead of DATA."""
    for part, what in (
        ("test", "The test part, with --train. Default: a fifth of every training class."),
        ("validation", "The validation part, with --train."),
        ("train", "The training part, instead of DATA: a folder with one sub-folder per class, a "
         "CSV file, or parquet."),
    ):  # fmt: skip
        add = click.option(f"--{part}", f"{part}_part", type=PATH, metavar="PATH", help=what)
        command = add(command)
    return command


def chosen_data(
    data: str | None, folder: Path | None, parts: Mapping[str, Path | None]
) -> str | Dataset:
    """Return DATA as it is, or the data set of the parts that are named instead.

    Raises
    ------
    ParameterError
        If neither is given, or both.
    """
    if data is not None and not any(parts.values()):
        return data
    if data is not None or parts["train"] is None or folder is not None:
        raise ParameterError(
            "Name the labeled data as DATA, or its parts with --train PATH and optionally --test "
            "PATH and --validation PATH."
        )
    from hashlens.datasets import load_dataset

    return load_dataset(train=parts["train"], validation=parts["validation"], test=parts["test"])


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
