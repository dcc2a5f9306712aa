"""Making a directory a collection without ever deleting what is not ours."""

from __future__ import annotations

import shutil
from pathlib import Path

from hashlens.collection.store.catalog import FILE_NAME, is_catalog
from hashlens.errors import CollectionError
from hashlens.files.regular import check_regular

MARKER = "creation.incomplete"
"""Stands in a directory from the beginning of a creation to its end. Only a directory that holds it
is cleared: without it, a ``model`` in there may be somebody's work."""

_OWN = (MARKER, f"{FILE_NAME}*", "codes-*.bin", "descriptors-*.bin", "model", ".model.*")
_LOCK = ("writer.*",)


def check_vacant(folder: Path) -> None:
    """Raise unless a directory is missing, empty, or left by a creation that was interrupted.

    Raises
    ------
    CollectionError
        If it is a collection already or holds anything else.
    """
    if not folder.is_dir():
        return
    if is_catalog(folder):
        raise CollectionError(
            f"{folder} holds a collection already. Open it, or choose another directory."
        )
    expected = _LOCK + _OWN if (folder / MARKER).exists() else _LOCK
    foreign = sorted(path.name for path in set(folder.iterdir()) - _matching(folder, expected))
    if foreign:
        raise CollectionError(
            f"{folder} is neither empty nor a collection: it holds {foreign[0]!r}. Choose another "
            "directory for the collection."
        )


def begin_creation(folder: Path) -> None:
    """Mark a vacant directory as being made, and clear what an earlier attempt left behind."""
    check_vacant(folder)
    check_regular(folder / MARKER)
    (folder / MARKER).touch()
    for path in _matching(folder, _OWN) - {folder / MARKER}:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def end_creation(folder: Path) -> None:
    """Take the mark away. It means nothing any more once the catalog is complete."""
    (folder / MARKER).unlink(missing_ok=True)


def _matching(folder: Path, patterns: tuple[str, ...]) -> set[Path]:
    return {path for pattern in patterns for path in folder.glob(pattern)}
