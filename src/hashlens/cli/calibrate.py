"""`calibrate`: find the radius that reaches a wanted precision on labeled images."""

from __future__ import annotations

from pathlib import Path

import click

import hashlens
from hashlens.cli.console import note, print_json, progress_bar
from hashlens.cli.options import (
    PATH,
    bit_lengths,
    cache_option,
    comma_separated,
    data_folder_option,
    json_option,
)
from hashlens.cli.radii import print_lengths, print_radii, radius_row
from hashlens.codes import check_bits
from hashlens.collection import MODEL_FOLDER, is_collection
from hashlens.errors import ParameterError
from hashlens.evaluation.bootstrap import Resampling
from hashlens.model.folder import check_model_folder
from hashlens.model.loading import DEFAULT_MODEL


@click.command()
@click.argument("model")
@click.argument("data")
@click.option(
    "--precision",
    metavar="SHARES",
    default="0.9,0.95,0.99",
    help="Wanted precisions, separated by commas: shares in (0, 1].",
)
@click.option(
    "--bits",
    metavar="LENGTHS",
    help="Also train the model's method on DATA at these code lengths, separated by commas such as "
    "32,64,128, and say which is long enough. Each length is trained once.",
)
@click.option(
    "--out",
    type=PATH,
    metavar="DIR",
    help="Write a calibrated copy of the model to DIR, and leave MODEL unchanged.",
)
@click.option("--confidence", default=0.95, help="Confidence level of the intervals.")
@click.option(
    "--resamples",
    type=click.IntRange(min=1),
    default=1000,
    help="Number of bootstrap resamples of the images.",
)
@click.option("--seed", default=0, help="Random seed of the bootstrap.")
@data_folder_option
@cache_option
@json_option
def calibrate(
    model: str,
    data: str,
    precision: str,
    bits: str | None,
    out: Path | None,
    confidence: float,
    resamples: int,
    seed: int,
    data_folder: Path | None,
    cache: Path | None,
    json: bool,
) -> None:
    """Find the radius that reaches a wanted precision.

    MODEL is a model directory, a collection (its own copy of the model is calibrated), or 'default'
    with --out.
    DATA is a folder with one sub-folder per class, a CSV file with the columns path and label, a
    folder of parquet files, or 'cifar100'.

    The precision of a radius is the share of pairs within it that have the same label, here with a
    confidence interval. Only images that the model was not trained on count. Afterwards, `search`
    and `duplicates` accept --precision in collections that use the model.

    \b
    Examples:
      hashlens calibrate products-64 products/
      hashlens calibrate photos.hashlens my-labeled-photos/ --precision 0.8,0.95
      hashlens calibrate default my-labeled-photos/ --out default-calibrated
      hashlens calibrate products-64 products/ --bits 16,32,64,128
    """
    wanted, lengths = _shares(precision), _lengths(bits)
    folder = _model_folder(model, out)
    if out is not None:
        check_model_folder(out)
    chosen = hashlens.load_model(folder)
    labeled = hashlens.load_dataset(data, data_folder)
    with progress_bar("images") as move:
        found = chosen.calibrate(
            labeled,
            lengths=lengths,
            resampling=Resampling(confidence, resamples, seed),
            cache=cache,
            on_progress=move,
            on_message=note,
            on_length=lambda length: note(f"training {chosen.hasher.name} at {length} bits"),
        )
    if out is None:
        chosen.save_calibration(folder)
    else:
        chosen.save(out)
    if json:
        radii = [radius_row(found, share) for share in wanted]
        print_json({"saved": str(out or folder), "radii": radii, **found.to_dict()})
        return
    print_radii(found, wanted)
    print_lengths(found)
    note(f"wrote {out or folder}")


def _model_folder(model: str, out: Path | None) -> Path:
    if is_collection(model):
        return Path(model) / MODEL_FOLDER
    if model != "default":
        return Path(model)
    if out is None:
        raise ParameterError(
            "All collections share the bundled model, so a calibration for your images is kept in "
            "a copy: add --out DIR, and index with --model DIR. To calibrate a collection that "
            "uses the bundled model, name the collection's directory instead."
        )
    return DEFAULT_MODEL


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in comma_separated(text))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share <= 1 for share in shares):
        raise ParameterError(
            "--precision must be shares above 0 and at most 1, separated by commas, such as "
            f"0.9,0.95. Got {text!r} instead."
        )
    return shares


def _lengths(text: str | None) -> tuple[int, ...]:
    lengths = () if text is None else bit_lengths(text)
    for length in lengths:
        check_bits(length, "calibrate --bits")
    return lengths
