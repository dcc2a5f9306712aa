"""`calibrate`: what distances mean on your labels; and the `--precision` of other commands."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hashlens.cli.console import note, print_json
from hashlens.cli.options import CacheOption, DataFolderOption, JsonOption
from hashlens.codes import check_bits
from hashlens.collection import MODEL_FOLDER, Collection, is_collection
from hashlens.errors import ParameterError
from hashlens.evaluation.bootstrap import Resampling
from hashlens.model.calibration_file import ModelCalibration
from hashlens.model.folder import check_model_folder
from hashlens.model.model import DEFAULT_MODEL, Model, load_model

PrecisionOption = Annotated[
    float | None,
    typer.Option(
        "--precision",
        metavar="SHARE",
        help="Choose the radius at which this share of pairs, such as 0.95, had the same label "
        "when the model was calibrated.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(calibrate)


def calibrate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model directory, a collection's directory (its own copy of the model is "
            "calibrated), or 'default' with --out.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Labeled images, as `train` takes them.", show_default=False
        ),
    ],
    precision: Annotated[
        str, typer.Option(help="Wanted precisions, by commas; shares in (0, 1].")
    ] = "0.9,0.95,0.99",
    bits: Annotated[
        str | None,
        typer.Option(
            help="Also fit the model's method on DATA at these lengths, by commas such as "
            "32,64,128, and say which is enough. Each takes a training.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a calibrated copy of the model there, and leave MODEL as it is.",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    resamples: Annotated[int, typer.Option(min=1, help="Of the bootstrap over images.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Find the radius at which a wanted share of pairs has the same label, and how sure that is.

    Only images that the model was not trained on count. Afterwards `search` and `duplicates` take
    --precision in collections of the model.

    \b
    Examples:
      hashlens calibrate products-64 products/
      hashlens calibrate photos.hashlens my-labeled-photos/ --precision 0.8,0.95
      hashlens calibrate default my-labeled-photos/ --out default-calibrated
      hashlens calibrate products-64 products/ --bits 16,32,64,128
    """
    wanted, lengths = _shares(precision), _lengths(bits)
    resampling = Resampling(confidence, resamples, seed)
    folder = _model_folder(model, out)
    if out is not None:
        check_model_folder(out)
    encoder = load_model(folder)
    encoder.calibration = _measure(encoder, data, data_folder, cache, lengths, resampling)
    if out is None:
        encoder.save_calibration(folder)
    else:
        encoder.save(out)
    if json:
        print_json(
            {
                "saved": str(out or folder),
                "radii": [_radius_row(encoder.calibration, share) for share in wanted],
                **encoder.calibration.to_dict(),
            }
        )
        return
    _print_radii(encoder.calibration, wanted)
    _print_lengths(encoder.calibration)
    note(f"wrote {out or folder}")


def chosen_radius(target: Collection, radius: int | None, precision: float | None) -> int | None:
    """Return the radius that ``--radius`` or ``--precision`` asks for; None where neither does.

    Raises
    ------
    ParameterError
        If both are given, the collection's model is not calibrated, or no radius of it reaches the
        precision; the message says what can be had.
    """
    if precision is None:
        return radius
    if radius is not None:
        raise ParameterError("Choose one of --radius and --precision.")
    calibration = target.model.calibration
    if calibration is None:
        raise ParameterError(
            "--precision needs a calibrated model, and that of the collection "
            f"{target.folder} is not. Calibrate it on labeled images with: "
            f"hashlens calibrate {target.folder} DATA"
        )
    found = calibration.pairs.radius_for(precision)
    if found is None:
        best = max((share for share in calibration.pairs.precision if share is not None), default=0)
        raise ParameterError(
            f"No radius of this model reaches a precision of {precision:g}: the best that was "
            f"measured on {calibration.data} is {best:.4f}. Ask for less, or train a model on your "
            "labels."
        )
    note(f"radius {found} bits for a precision of {precision:g}, as measured on {calibration.data}")
    return found


def _model_folder(model: str, out: Path | None) -> Path:
    if is_collection(model):
        return Path(model) / MODEL_FOLDER
    if model != "default":
        return Path(model)
    if out is None:
        raise ParameterError(
            "The bundled model is shared by all, so a calibration for your images is kept in a "
            "copy: add --out DIR, and index with --model DIR. To calibrate a collection that was "
            "made with it, name the collection's directory instead."
        )
    return DEFAULT_MODEL


def _measure(
    encoder: Model,
    data: str,
    data_folder: Path | None,
    cache: Path | None,
    lengths: tuple[int, ...],
    resampling: Resampling,
) -> ModelCalibration:
    from hashlens.cli.datasets import described, opened, say
    from hashlens.model.calibrate import calibrate_model

    dataset, found = opened(data, data_folder)
    say(found.losses())
    measured = described(dataset, found, encoder.load_descriptor(), cache, None)
    note(f"measuring pairs of images, {resampling.resamples:,} resamples")
    return calibrate_model(
        encoder,
        measured,
        lengths=lengths,
        resampling=resampling,
        on_length=lambda bits: note(f"fitting {encoder.hasher.name} at {bits} bits"),
    )


def _shares(text: str) -> tuple[float, ...]:
    try:
        shares = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        shares = ()
    if not shares or not all(0 < share <= 1 for share in shares):
        raise ParameterError(
            f"--precision must be shares above 0 and at most 1, by commas, such as 0.9,0.95. "
            f"Got {text!r} instead."
        )
    return shares


def _lengths(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        lengths = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        lengths = ()
    if not lengths:
        raise ParameterError(
            f"--bits must be code lengths by commas, such as 32,64. Got {text!r} instead."
        )
    for length in lengths:
        check_bits(length, "calibrate --bits")
    return lengths


def _radius_row(calibration: ModelCalibration, wanted: float) -> dict[str, Any]:
    pairs = calibration.pairs
    radius = pairs.radius_for(wanted)
    row: dict[str, Any] = {
        "wanted": wanted,
        "radius": radius,
        "sure_radius": pairs.radius_for(wanted, sure=True),
    }
    if radius is not None:
        for name in ("precision", "recall"):
            for end in ("", "_low", "_high"):
                row[name + end] = getattr(pairs, name + end)[radius]
    return row


def _print_radii(calibration: ModelCalibration, wanted: tuple[float, ...]) -> None:
    pairs = calibration.pairs
    typer.echo(f"{calibration.data}: {calibration.images}")
    typer.echo(
        f"chance      {100 * pairs.chance:.2f} % of random pairs have one label; intervals hold "
        f"with {100 * pairs.confidence:g} %"
    )
    typer.echo(f"{'wanted':>8}  {'radius':>6}  {'precision':26}  {'recall':26}  surely reached by")
    for share in wanted:
        row = _radius_row(calibration, share)
        if row["radius"] is None:
            typer.echo(f"{100 * share:6.4g} %  not reached at any radius")
            continue
        sure = "no radius" if row["sure_radius"] is None else f"radius {row['sure_radius']}"
        typer.echo(
            f"{100 * share:6.4g} %  {row['radius']:6}  {_interval(row, 'precision'):26}  "
            f"{_interval(row, 'recall'):26}  {sure}"
        )


def _print_lengths(calibration: ModelCalibration) -> None:
    if not calibration.lengths:
        return
    typer.echo(f"{'bits':>8}  {'top-5':26}  lost to the best length")
    for length in calibration.lengths:
        row = asdict(length)
        typer.echo(f"{length.bits:8}  {_interval(row, 'precision', ''):26}  "
                   f"{_interval(row, 'loss')}{'  enough' if length.enough else ''}")  # fmt: skip
    enough = [length.bits for length in calibration.lengths if length.enough]
    if enough:
        typer.echo(f"{min(enough)} bits are enough: surely no more than 1 point is lost")


def _interval(row: dict[str, Any], name: str, prefix: str | None = None) -> str:
    start = f"{name}_" if prefix is None else prefix
    low, high = row[f"{start}low"], row[f"{start}high"]
    return f"{100 * row[name]:6.2f} % ({100 * low:.2f} to {100 * high:.2f})"
