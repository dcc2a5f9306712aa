"""Options that several commands share, with their help written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hashlens.files.cache_folder import CACHE_VARIABLE

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
