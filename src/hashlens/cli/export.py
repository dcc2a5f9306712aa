"""`export`: a model as ONNX, a collection's codes as Parquet or FAISS."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

import hashlens.export
from hashlens.cli.console import print_json, report_failures, show, size
from hashlens.cli.options import PATH, json_option
from hashlens.errors import ParameterError
from hashlens.export import Exported, QuantizationReport


@click.command()
@click.argument("source", metavar="MODEL|COLLECTION")
@click.argument("outputs", nargs=-1, required=True, type=PATH, metavar="OUT...")
@click.option("--int8", is_flag=True, help="Quantize the network to int8 and report what it costs.")
@click.option(
    "--calibration",
    type=PATH,
    metavar="DIR",
    help="Images for --int8, like those that will be encoded: half of them set its ranges, the "
    "other half measure its loss.",
)
@json_option
def export(
    source: str,
    outputs: tuple[Path, ...],
    int8: bool,
    calibration: Path | None,
    json: bool,
) -> None:
    """Write a model or codes for other tools.

    The suffix of each OUT selects its format: .onnx for a model, or for the model of a collection;
    .parquet and .faiss for the codes of a collection. MODEL is a model directory, or 'default'.

    \b
    Examples:
      hashlens export default hashlens.onnx
      hashlens export shop-64/ shop.onnx --int8 --calibration products/
      hashlens export archive.hashlens codes.parquet codes.faiss
    """
    if int8 != (calibration is not None):
        raise ParameterError(
            "--int8 and --calibration DIR go together: the ranges of an int8 network, and what it "
            "loses, are measured on images like yours."
        )
    written = hashlens.export.export(source, outputs, calibration=calibration)
    for one in written:
        report_failures(one.unreadable)
    if json:
        print_json({str(one.path): _facts(one) for one in written})
        return
    for one in written:
        what = "pixels → codes" if one.images is None else f"{one.images:,} codes"
        show(f"{one.path}: {what} of {one.bits} bits, {size(one.path.stat().st_size)}")
        if one.quantization is not None:
            _print_quantization(one.quantization)


def _facts(one: Exported) -> dict[str, Any]:
    facts: dict[str, Any] = {"bits": one.bits, "model": one.model}
    if one.images is not None:
        facts["images"] = one.images
    if one.quantization is not None:
        facts["quantization"] = asdict(one.quantization)
    return facts


def _print_quantization(report: QuantizationReport) -> None:
    show(
        f"  {100 * report.differing_bits:.2f} % of bits differ from float32, "
        f"{100 * report.overlap_at_5:.1f} % of the five nearest agree "
        f"(on {report.measured_images} images that did not set the ranges)"
    )
    show(
        f"  {size(report.float_bytes)} → {size(report.int8_bytes)}, "
        f"{report.float_images_per_second:.1f} → {report.int8_images_per_second:.1f} images/s "
        "on one thread"
    )
