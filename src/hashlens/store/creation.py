"""What a directory may hold that is to become a collection."""

from __future__ import annotations

import shutil
from pathlib import Path

from hashlens.errors import CollectionError
from hashlens.store.catalog import FILE_NAME, is_catalog

_LEFTOVERS = (f"{FILE_NAME}*", "codes-*.bin", "descriptors-*.bin", "model", ".model.*", "writer.*")
"""What a creation that was killed may have left in a directory."""


def clear_leftovers(folder: Path) -> None:
    """Make way for a creation, unless that would destroy anything but an earlier attempt."""
    if is_catalog(folder):
        raise CollectionError(
            f"{folder} holds a collection already. Open it, or choose another directory."
        )
    leftovers = {path for pattern in _LEFTOVERS for path in folder.glob(pattern)}
    foreign = sorted(path.name for path in set(folder.iterdir()) - leftovers)
    if foreign:
        raise CollectionError(
            f"{folder} is neither empty nor a collection: it holds {foreign[0]!r}. Choose another "
            "directory for the collection."
        )
    for path in leftovers:
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.startswith("writer."):
            path.unlink()
