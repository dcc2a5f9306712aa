"""The folder in which work that can be repeated is kept between runs."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "HASHLENS_CACHE"
"""Environment variable that names the folder."""


def cache_folder(given: str | os.PathLike[str] | None = None) -> Path:
    """Return the cache folder: the one given, else that of `CACHE_VARIABLE`, else the user's own.

    It need not exist yet.
    """
    if given is not None:
        return Path(given).expanduser()
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("hashlens", appauthor=False) / "descriptors"
