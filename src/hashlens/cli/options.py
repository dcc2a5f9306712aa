"""Options and arguments that several commands share, with their help written once."""

from __future__ import annotations

from pathlib import Path

import click

from hashlens.errors import ParameterError
from hashlens.files.cache_folder import CACHE_VARIABLE

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
