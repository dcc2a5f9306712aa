"""The files of a model directory: who may write them, which are a model's, how they are read."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from hashlens.descriptors.spec import file_sha256
from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.files.atomic import replacing, sync_folder, write_text
from hashlens.files.versioned_json import read_versioned
from hashlens.model.calibration_file import CALIBRATION_FILE
from hashlens.model.card import CARD_FILE, REPORT_DATA, REPORT_PAGE
from hashlens.model.former import upgraded

FORMAT_VERSION = 2

PATIENCE = 60.0
"""Seconds to wait for another process that writes the same model directory."""

MANIFEST, _LOCK = "model.json", ".lock"
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
        foreign = [p.name for p in folder.iterdir() if not _is_ours(p.name)]
        if foreign:
            raise ParameterError(
                f"{given} exists and is not a model directory. Choose another, or remove it."
            )


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the only one that writes a model directory, which is made where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        with FileLock(folder / _LOCK, timeout=PATIENCE):
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


def _is_ours(name: str) -> bool:
    return name == _LOCK or any(kind.fullmatch(name) for kind in (_PART, _UNFINISHED))


def _remove_what_went(folder: Path, manifest: dict[str, Any], same_model: bool) -> None:
    """Remove parts that a manifest does not name and, of another model, report and calibration."""
    kept = {_LOCK, manifest["arrays"], manifest.get("network")}
    if same_model:
        kept |= {CARD_FILE, CALIBRATION_FILE}
    gone = [path for path in folder.iterdir() if _is_ours(path.name) and path.name not in kept]
    if not same_model:
        gone += [folder / name for name in (REPORT_PAGE, REPORT_DATA, CALIBRATION_FILE)]
    for path in gone:
        # The model is saved; where a system keeps files that are open, the next save removes them.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def part_of(folder: Path, name: str) -> Path:
    """Return the path of a part that a manifest names.

    Raises
    ------
    FormatError
        If no part has such a name.
    """
    if not _PART.fullmatch(name):
        raise FormatError(f"{folder / MANIFEST} names {name!r}, which is no part of a model.")
    return folder / name


def write_parts(
    folder: Path, digest: str, state: dict[str, npt.NDArray[Any]], network: Path | None
) -> dict[str, Any]:
    """Write the arrays and the network unless they are there; return their names and checksums.

    Parameters
    ----------
    folder : Path
    digest : str
        SHA-256 of the model that the arrays belong to.
    state : dict of str to array
    network : Path or None
        An ONNX file to copy.
    """
    parts = _present_arrays(folder, digest) or _write_arrays(folder, digest, state)
    if network is None:
        return parts
    checksum = file_sha256(network)
    target = folder / f"descriptor-{checksum[:16]}.onnx"
    if not target.is_file() or file_sha256(target) != checksum:
        with replacing(target) as partial:
            shutil.copyfile(network, partial)
    return {**parts, "network": target.name, "network_sha256": checksum}


def _present_arrays(folder: Path, digest: str) -> dict[str, Any] | None:
    """Return what the manifest says of the arrays if the folder holds this model, undamaged."""
    try:
        manifest = read_manifest(folder)
        name, checksum = manifest["arrays"], manifest["arrays_sha256"]
        if manifest["digest"] == digest and file_sha256(part_of(folder, name)) == checksum:
            return {"arrays": name, "arrays_sha256": checksum}
    except (FormatError, KeyError, TypeError, OSError):
        pass
    return None


def _write_arrays(folder: Path, digest: str, state: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    path = folder / f"hasher-{digest[:16]}.npz"
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **state)
    return {"arrays": path.name, "arrays_sha256": file_sha256(path)}


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Make the model whose parts are there the one of the folder, and remove what went."""
    try:
        same_model = read_manifest(folder).get("digest") == manifest["digest"]
    except FormatError:
        same_model = False
    text = json.dumps(manifest, indent=2, allow_nan=False) + "\n"
    write_text(folder / MANIFEST, text)
    _remove_what_went(folder, manifest, same_model)


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
        If the file is missing, or its SHA-256 is not the expected one.
    """
    if not path.is_file():
        raise FormatError(f"The model's learned arrays, {path}, are missing.")
    found = file_sha256(path)
    if found != expected:
        raise FormatError(f"{path} is damaged: expected the SHA-256 {expected}, got {found}.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path} is not a readable npz file: {error}") from error
