"""`export`: a model as ONNX, a collection's codes as Parquet or FAISS."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from hashlens.arrays import Pixels
from hashlens.cli.console import print_json, report_failures, size
from hashlens.cli.options import JsonOption
from hashlens.collection import MODEL_FOLDER, is_collection
from hashlens.collection.store import Storage
from hashlens.errors import DataError, ParameterError
from hashlens.export import (
    QuantizationReport,
    export_faiss,
    export_int8_model,
    export_model,
    export_parquet,
)
from hashlens.images import decode_batches, decode_image, read_image_file, walk_images
from hashlens.model.loading import load_model
from hashlens.model.model import Model

CALIBRATION_IMAGES = 256
"""Images that are taken of a calibration folder, evenly over its files."""

_CODES = {".parquet": export_parquet, ".faiss": export_faiss}


def export(
    source: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|COLLECTION",
            help="'default', a model directory, or a collection.",
            show_default=False,
        ),
    ],
    outputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="OUT...",
            help="Files named .onnx (the model), .parquet or .faiss (a collection's codes).",
            show_default=False,
        ),
    ],
    int8: Annotated[
        bool, typer.Option("--int8", help="Quantize the network, and say what that costs.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Images for --int8, like those to be encoded: half of them set its ranges, the "
            "other half measure its loss.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write a model or codes for other tools.

    \b
    Examples:
      hashlens export default hashlens.onnx
      hashlens export shop-64/ shop.onnx --int8 --calibration products/
      hashlens export archive.hashlens codes.parquet codes.faiss
    """
    kinds = {path.suffix for path in outputs}
    _check_request(source, kinds, int8, calibration)
    facts: dict[str, dict[str, object]] = {}
    tables = [path for path in outputs if path.suffix != ".onnx"]
    for path in outputs:
        if path.suffix == ".onnx":
            facts[str(path)] = _export_onnx(_encoder_of(source), path, calibration)
    if tables:
        facts |= _export_tables(Path(source), tables)
    if json:
        print_json(facts)
        return
    for name, known in facts.items():
        what = f"{known['images']:,} codes" if "images" in known else "pixels → codes"
        typer.echo(f"{name}: {what} of {known['bits']} bits, {size(Path(name).stat().st_size)}")
        if "quantization" in known:
            _print_quantization(QuantizationReport(**known["quantization"]))  # type: ignore[arg-type]


def _check_request(source: str, kinds: set[str], int8: bool, calibration: Path | None) -> None:
    unknown = kinds - {".onnx", *_CODES}
    if unknown:
        raise ParameterError(
            "The outputs of export must be named .onnx, .parquet or .faiss. "
            f"Got {', '.join(sorted(unknown)) or 'no suffix'!r} instead."
        )
    if kinds & _CODES.keys() and not is_collection(source):
        raise ParameterError(
            f"{', '.join(sorted(kinds & _CODES.keys()))} hold the codes of a collection, and "
            f"{source} is none. A model is exported to .onnx."
        )
    if int8 != (calibration is not None):
        raise ParameterError(
            "--int8 and --calibration DIR go together: the ranges of an int8 network, and what it "
            "loses, are measured on images like yours."
        )
    if int8 and ".onnx" not in kinds:
        raise ParameterError("--int8 is about a model: name an output .onnx.")


def _encoder_of(source: str) -> Model:
    return load_model(Path(source) / MODEL_FOLDER if is_collection(source) else source)


def _export_onnx(encoder: Model, path: Path, calibration: Path | None) -> dict[str, object]:
    facts: dict[str, object] = {"bits": encoder.bits, "model": encoder.digest}
    if calibration is None:
        export_model(encoder, path)
    else:
        images = _calibration_images(calibration, encoder)
        facts["quantization"] = asdict(export_int8_model(encoder, path, images))
    return facts


def _export_tables(folder: Path, paths: list[Path]) -> dict[str, dict[str, object]]:
    """Write all tables from one snapshot, so that their ids belong together."""
    storage = Storage(folder)
    try:
        with storage.snapshot() as snapshot:
            state = snapshot.state
            return {
                str(path): {
                    "bits": state.bits,
                    "model": state.digest,
                    "images": _CODES[path.suffix](storage, snapshot, path),
                }
                for path in paths
            }
    finally:
        storage.close()


def _calibration_images(folder: Path, encoder: Model) -> Pixels:
    """Return decoded images, uint8 (n, size, size, 3), evenly chosen over a folder's files."""
    files = sorted(walk_images([str(folder)]))
    step = max(1, -(-len(files) // CALIBRATION_IMAGES))
    batches = list(
        decode_batches(
            lambda path: decode_image(read_image_file(path).data, encoder.fit), files[::step]
        )
    )
    report_failures([failure for batch in batches for failure in batch.failed])
    pixels = [batch.pixels for batch in batches if batch.items]
    if not pixels:
        raise DataError(f"There are no readable images in {folder}.")
    return np.concatenate(pixels)


def _print_quantization(report: QuantizationReport) -> None:
    typer.echo(
        f"  {100 * report.differing_bits:.2f} % of bits differ from float32, "
        f"{100 * report.overlap_at_5:.1f} % of the five nearest agree "
        f"({report.measured_images} images, not those of the calibration)"
    )
    typer.echo(
        f"  {size(report.float_bytes)} → {size(report.int8_bytes)}, "
        f"{report.float_images_per_second:.1f} → {report.int8_images_per_second:.1f} images/s "
        "on one thread"
    )
