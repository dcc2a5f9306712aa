"""The files of a model directory: who may write them, which are a model's, how they are read."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy.typing as npt

from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.files.atomic import sync_folder
from hashlens.files.npz import read_npz
from hashlens.files.regular import check_regular
from hashlens.files.versioned_json import read_versioned
from hashlens.model.calibration_file import CALIBRATION_FILE
from hashlens.model.card import CARD_FILE
from hashlens.model.former import upgraded

FORMAT_VERSION = 3

PATIENCE = 60.0
"""Seconds to wait for another process that writes the same model directory."""

MANIFEST, LOCK = "model.json", ".lock"
_FILES = "|".join(map(re.escape, (MANIFEST, CARD_FILE, CALIBRATION_FILE)))
_PART = re.compile(r"hasher-[0-9a-f]{16}\.npz|descriptor-[0-9a-f]{16}\.onnx")
"""Parts have names of their content: a new model's lie beside the old one's until the manifest,
which names them, is replaced."""
_UNFINISHED = re.compile(rf"\.({_PART.pattern}|{_FILES})\.[0-9a-f]{{32}}")
"""What `replacing` leaves of these files when it is killed."""


def check_model_folder(folder: Path) -> None:
    """Refuse a place where no model directory can be written, before the work for it is done.

    Raises
    ------
    ParameterError
        If there is a file, or a folder that holds something else: nothing of yours is overwritten.
        If the folder, or the one above, can't be made or written to.
    """
    given, folder = folder, folder.resolve()
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "may not be written to" if nearest.is_dir() else "is not a folder"
        raise ParameterError(f"{given} can't be made, as {nearest} {what}. Choose another place.")
    if nearest == folder and not (folder / MANIFEST).is_file():
        # A first save that was killed left parts alone.
        foreign = [p.name for p in folder.iterdir() if not is_ours(p.name)]
        if foreign:
            raise ParameterError(
                f"{given} exists and is not a model directory. Choose another, or remove it."
            )


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the only one that writes a model directory, which is made where there is none."""
    from filelock import FileLock, Timeout  # Only writers need it.

    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        check_regular(folder / LOCK)
        with FileLock(folder / LOCK, timeout=PATIENCE):
            yield
    except Timeout:
        raise HashlensError(
            f"Another process is writing the model in {folder}. Wait until it is done, or choose "
            "another folder."
        ) from None
    except OSError as error:
        raise HashlensError(
            f"The model can't be written to {folder}: {error.strerror or error}."
        ) from error


def is_ours(name: str) -> bool:
    """Return whether a file of this name is a part of a model, finished or not, or the lock."""
    return name == LOCK or any(kind.fullmatch(name) for kind in (_PART, _UNFINISHED))


def part_of(folder: Path, name: str) -> Path:
    """Return the path of a part that a manifest names.

    Raises
    ------
    FormatError
        If no part has such a name.
    """
    if not _PART.fullmatch(name):
        raise FormatError(f"{folder / MANIFEST} names {name!r}, which is not part of a model.")
    return folder / name


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return what ``model.json`` says, under the names of the present format version.

    Raises
    ------
    FormatError
        If it is missing, unreadable, or of a newer format version.
    """
    try:
        return upgraded(read_versioned(folder / MANIFEST, FORMAT_VERSION))
    except FileNotFoundError:
        raise FormatError(f"{folder} is not a model directory: it has no {MANIFEST}.") from None


def read_arrays(path: Path, expected: str) -> dict[str, npt.NDArray[Any]]:
    """Return the learned arrays by name.

    Raises
    ------
    FormatError
        If the file is missing, its SHA-256 is not the expected one, or it is not a readable npz
        file of plain arrays: see `hashlens.files.npz.read_npz`.
    """
    if not path.is_file():
        raise FormatError(f"The model's learned arrays, {path}, are missing.")
    return read_npz(path, expected)
