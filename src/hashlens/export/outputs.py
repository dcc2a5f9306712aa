"""Export by suffix: which source can be written in which form, and what was written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.arrays import Pixels
from hashlens.collection import MODEL_FOLDER, is_collection
from hashlens.collection.store import Storage
from hashlens.errors import DataError, ParameterError
from hashlens.export.code_tables import export_faiss, export_parquet
from hashlens.export.onnx_model import export_model
from hashlens.export.quantization import QuantizationReport, export_int8_model
from hashlens.images import Fit, decode_batches, decode_image, read_image_file, walk_images
from hashlens.model.loading import load_model

CALIBRATION_IMAGES = 256
"""Maximum number of images taken from a calibration folder, evenly over its files."""

MODEL_SUFFIX = ".onnx"
TABLES = {".parquet": export_parquet, ".faiss": export_faiss}
"""What writes the codes of a collection, by suffix."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One file that was written.

    Attributes
    ----------
    path : Path
    bits : int
        Code length.
    model : str
        Digest of the model.
    images : int or None
        Number of codes in a table; None for a model.
    quantization : QuantizationReport or None
        What an int8 model loses and gains; None for other files.
    unreadable : tuple of (path, reason)
        Calibration images that could not be read.
    """

    path: Path
    bits: int
    model: str
    images: int | None = None
    quantization: QuantizationReport | None = None
    unreadable: tuple[tuple[str, str], ...] = ()


def export(
    source: str | os.PathLike[str],
    outputs: Sequence[str | os.PathLike[str]],
    *,
    calibration: str | os.PathLike[str] | None = None,
) -> list[Exported]:
    """Write a model, or the codes of a collection, in the forms that the outputs' suffixes name.

    Tables of one call are written from one snapshot, so that their ids belong together.

    Parameters
    ----------
    source : path
        "default", a model directory, or a collection, whose own model is exported.
    outputs : sequence of paths
        ``.onnx`` for the model, ``.parquet`` and ``.faiss`` for the codes of a collection. Existing
        files are replaced.
    calibration : path, optional
        A folder of images like those that will be encoded. With it, the model's network computes in
        int8: half of the images set its ranges, and the other half measure its loss.

    Returns
    -------
    list of Exported
        Models first, then tables.

    Raises
    ------
    ParameterError
        If a suffix is unknown or does not suit the source; nothing was written.
    DataError
        If the calibration folder holds too few readable images.
    MissingExtraError, HashlensError
        As `export_model`, `export_parquet` and `export_faiss`.
    """
    paths = [Path(output) for output in outputs]
    check_outputs(source, {path.suffix for path in paths}, calibration is not None)
    models = [path for path in paths if path.suffix == MODEL_SUFFIX]
    tables = [path for path in paths if path.suffix in TABLES]
    written = [_export_model(source, path, calibration) for path in models]
    return written + (_export_tables(Path(source), tables) if tables else [])


def check_outputs(source: str | os.PathLike[str], suffixes: set[str], int8: bool) -> None:
    """Refuse outputs that are not of a known form, or not of this source.

    Raises
    ------
    ParameterError
    """
    unknown = suffixes - {MODEL_SUFFIX, *TABLES}
    if unknown:
        raise ParameterError(
            "The outputs of export must be named .onnx, .parquet or .faiss. "
            f"Got {', '.join(sorted(unknown)) or 'no suffix'!r} instead."
        )
    tables = ", ".join(sorted(suffixes & TABLES.keys()))
    if tables and not is_collection(source):
        raise ParameterError(
            f"{tables} holds the codes of a collection, and {os.fspath(source)} is not a "
            "collection. A model is exported to .onnx."
        )
    if int8 and MODEL_SUFFIX not in suffixes:
        raise ParameterError(
            "Calibration images are for the int8 form of a model: name an output .onnx."
        )


def calibration_images(folder: Path, fit: Fit) -> tuple[Pixels, list[tuple[str, str]]]:
    """Return decoded images from a folder, and (path, reason) for those that can't be read.

    Parameters
    ----------
    folder : Path
    fit : Fit
        The size that the descriptor expects.

    Returns
    -------
    pixels : uint8 array of shape (n, size, size, 3)
        At most `CALIBRATION_IMAGES`, chosen evenly over the sorted files.
    unreadable : list of (path, reason)

    Raises
    ------
    DataError
        If there is no readable image.
    """
    files = sorted(walk_images([str(folder)]))
    step = max(1, -(-len(files) // CALIBRATION_IMAGES))

    def load(path: Any) -> Pixels:
        return decode_image(read_image_file(path).data, fit)

    batches = list(decode_batches(load, files[::step]))
    unreadable = [failure for batch in batches for failure in batch.failed]
    pixels = [batch.pixels for batch in batches if batch.items]
    if not pixels:
        raise DataError(f"There are no readable images in {folder}.")
    return np.concatenate(pixels), unreadable


def _export_model(
    source: str | os.PathLike[str], path: Path, calibration: str | os.PathLike[str] | None
) -> Exported:
    model = load_model(Path(source) / MODEL_FOLDER if is_collection(source) else source)
    if calibration is None:
        export_model(model, path)
        return Exported(path, model.bits, model.digest)
    pixels, unreadable = calibration_images(Path(calibration), model.fit)
    report = export_int8_model(model, path, pixels)
    return Exported(
        path, model.bits, model.digest, quantization=report, unreadable=tuple(unreadable)
    )


def _export_tables(folder: Path, paths: list[Path]) -> list[Exported]:
    storage = Storage(folder)
    try:
        with storage.snapshot() as snapshot:
            state = snapshot.state
            return [
                Exported(
                    path,
                    state.bits,
                    state.digest,
                    images=TABLES[path.suffix](storage, snapshot, path),
                )
                for path in paths
            ]
    finally:
        storage.close()
