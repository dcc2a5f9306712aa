"""Options that several commands share, with their help written once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

CollectionOption = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--collection",
        envvar="HASHLENS_COLLECTION",
        metavar="DIR",
        help="The collection's directory. Default: one in the user's data directory.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, nothing else.")]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit with 1 if any image could not be read.")
]
DataFolderOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Where a data set given by name lies on disk, instead of a download.",
    ),
]
CACHE_VARIABLE = "HASHLENS_CACHE"
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        envvar=CACHE_VARIABLE,
        metavar="DIR",
        help="Where descriptors are kept between runs. Default: the user's cache directory.",
        show_default=False,
    ),
]


def collection_folder(given: Path | None) -> Path:
    """Return the collection's directory: the one given, else the user's own."""
    if given is not None:
        return given
    from platformdirs import user_data_path

    return user_data_path("hashlens", appauthor=False) / "collection"


def cache_folder(given: Path | None) -> Path:
    """Return where descriptors are cached: the folder given, else the environment's or the user's.

    Scripts beside the command line have `CACHE_VARIABLE` read here.
    """
    if given is not None:
        return given
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    from platformdirs import user_cache_path

    return user_cache_path("hashlens", appauthor=False) / "descriptors"
