"""`train` and `evaluate`: from labeled images to a model directory, and to its figures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from hashlens.cli.console import note, print_json
from hashlens.cli.datasets import (
    CheckOption,
    DataArgument,
    MaxUnusableOption,
    check_protocol,
    described,
    opened,
    say,
)
from hashlens.cli.options import CacheOption, DataFolderOption, JsonOption
from hashlens.cli.training import (
    DeviceOption,
    ReportOption,
    TuneBlocksOption,
    TuneCropsOption,
    TuneOption,
    check_tune,
    discard_work,
    finetuned,
    print_epoch,
    reported,
    tuning_options,
)
from hashlens.codes import check_bits
from hashlens.datasets.described import DescribedDataset
from hashlens.datasets.findings import MAX_UNUSABLE
from hashlens.descriptors import Descriptor, load_descriptor
from hashlens.descriptors.default import default_spec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.timm import TimmDescriptor
from hashlens.errors import ParameterError
from hashlens.files.cache_folder import cache_folder
from hashlens.hashers import create_hasher, hasher_class
from hashlens.hashers.base import check_labels
from hashlens.model.evaluate import evaluate_model, evaluate_search, protocol_search
from hashlens.model.folder import check_model_folder
from hashlens.model.model import Model, load_model
from hashlens.training import train_model

ProtocolOption = Annotated[
    str,
    typer.Option(
        help="standard: search the training images; heldout: search labeled images that were not "
        "trained on; unseen: search classes that were not trained on."
    ),
]
SplitSeedOption = Annotated[int, typer.Option("--split-seed", help="Seed of the protocol's split.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(train)
    app.command()(evaluate)


def train(
    data: DataArgument,
    bits: Annotated[int, typer.Option(help="Code length: a multiple of 8, up to 512.")] = 64,
    method: Annotated[str, typer.Option(help="The hashing method.")] = "autoencoder",
    preset: Annotated[
        str | None,
        typer.Option(
            help="The autoencoder's configuration: default; general, for images of classes that "
            "are not in DATA too; or paper.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--model",
            metavar="DIR",
            help="The model directory to write. Default: METHOD-BITS in this folder.",
            show_default=False,
        ),
    ] = None,
    descriptor: Annotated[str, typer.Option(help="default, timm:NAME or onnx:FILE.")] = "default",
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Local weights of a timm: descriptor."),
    ] = None,
    protocol: ProtocolOption = "standard",
    split_seed: SplitSeedOption = 0,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Most epochs of a deep method.", show_default=False),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            min=1e-9,
            help="The highest of a deep method; lower it if training diverges.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the method.")] = 0,
    tune: TuneOption = "head",
    tune_blocks: TuneBlocksOption = None,
    tune_crops: TuneCropsOption = 4,
    device: DeviceOption = None,
    report: ReportOption = True,
    check: CheckOption = False,
    max_unusable: MaxUnusableOption = MAX_UNUSABLE,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Train a code on labeled images: DATA in, a model directory out.

    DATA is looked at first: what is found is said, and images that can't be read, copies and images
    with contradicting labels are left out.

    Descriptors are computed once and kept, so another method or length takes only its own training.
    A fine-tuning that was interrupted goes on, when the command is repeated, after its last epoch.

    \b
    Examples:
      hashlens train products/ --check
      hashlens train products/ --bits 64 --out products-64
      hashlens train cifar100 --method itq --bits 128
      hashlens train cifar100 --data ~/data/cifar100 --preset paper --epochs 10
      hashlens train products/ --method codebook --tune last
    """
    check_tune(tune, device)
    hasher = _create_hasher(
        method, bits, seed, preset=preset, epochs=epochs, learning_rate=learning_rate
    )
    if tune != "head" and "hidden" in hasher.get_params():
        # Layers between the network and the code learn the training images by heart.
        hasher.set_params(hidden=0)
    target = out or Path(f"{method}-{bits}")
    options = None
    if not check:
        check_model_folder(target)
    if tune != "head" and not check:
        options = tuning_options(
            hasher,
            tune=tune,
            blocks=tune_blocks,
            crops=tune_crops,
            protocol=protocol,
            split_seed=split_seed,
            seed=seed,
            device=device,
        )
    # With the head alone, images are decoded once, when they are described.
    dataset, found = opened(data, data_folder, decode=check or tune != "head")
    say(found.lines())
    if check and json:
        print_json(found.as_dict())
    found.check_limit(max_unusable)
    if check:
        return
    check_protocol(dataset, protocol, split_seed)
    if hasher.supervised and not hasher.several_labels:
        check_labels(dataset.train.labels, len(dataset.train), f"The method {method!r}")
    network = load_descriptor(descriptor, weights)
    if options is not None:
        encoder = finetuned(dataset, network, hasher, options, target, cache_folder(cache))
        _save(encoder, target)
        data_of = described(dataset, found, encoder.load_descriptor(), cache, max_unusable)
        _finish(encoder, data_of, target, report, json)
        discard_work(target)
        return
    extra: dict[str, Any] = {}
    if "schedule" in hasher.get_params():
        extra["on_epoch"] = print_epoch
    with tempfile.TemporaryDirectory() as scratch:
        # Before the long work, since a network that can't be exported is no use in a model.
        network_file = _network_file(network, Path(scratch))
        data_of = described(dataset, found, network, cache, max_unusable)
        encoder = train_model(data_of, hasher, protocol, split_seed, network_file, **extra)
        _save(encoder, target)
        _finish(encoder, data_of, target, report, json)


def _save(encoder: Model, target: Path) -> None:
    """Save a trained model before it is measured: nothing that fails then costs the training."""
    encoder.save(target)
    note(f"saved {target}; measuring it")


def _finish(encoder: Model, data: DescribedDataset, target: Path, report: bool, json: bool) -> None:
    """Measure a saved model by the protocol that it was trained for, and add what was found."""
    training = encoder.training
    search = protocol_search(encoder, data, training["protocol"], training["split_seed"])
    encoder.metrics = evaluate_search(encoder, data.source, search)
    encoder.save(target)
    if not json:
        _print_figures(encoder.metrics)
        typer.echo(f"model       {target}  ({encoder.training['seconds']:.0f} s of training)")
    page = reported(encoder, data, search, target) if report else None
    if json:
        where = {"model": str(target), "report": None if page is None else str(page)}
        print_json({**where, "training": encoder.training, **encoder.metrics})
    elif page is not None:
        typer.echo(f"report      {page}")


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model directory, or 'default'.")],
    data: DataArgument,
    protocol: ProtocolOption = "standard",
    split_seed: SplitSeedOption = 0,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Measure a model on labeled images: precision at 5 and more, ties resolved honestly.

    Learned codes collapse, so that hundreds of images tie; figures are exact expectations over the
    order of ties, with the worst and the best order beside them.

    \b
    Examples:
      hashlens evaluate products-64 products/
      hashlens evaluate default cifar100 --protocol unseen --json
    """
    encoder = load_model(model)
    network = encoder.load_descriptor()
    dataset, found = opened(data, data_folder)
    say(found.losses())
    check_protocol(dataset, protocol, split_seed)
    measured = described(dataset, found, network, cache, None)
    figures = evaluate_model(encoder, measured, protocol, split_seed)
    if json:
        print_json(figures)
    else:
        _print_figures(figures)


def _create_hasher(method: str, bits: int, seed: int, **options: Any) -> Any:
    """Return the hasher of ``--preset`` and of a schedule's options; None is not given."""
    check_bits(bits, "train")
    known = hasher_class(method)().get_params()
    wanted: dict[str, Any] = {"random_state": seed} if "random_state" in known else {}
    for name, value in options.items():
        if value is None:
            continue
        if ("preset" if name == "preset" else "schedule") not in known:
            raise ParameterError(f"The method {method!r} takes no --{name.replace('_', '-')}.")
        if name == "preset":
            wanted["preset"] = value
        else:
            wanted.setdefault("schedule", {})[name] = value
    return create_hasher(method, bits, **wanted)


def _network_file(network: Descriptor, scratch: Path) -> Path | None:
    """Return the ONNX file that the model directory must bring along, made if need be."""
    if network.spec.digest == default_spec().digest:
        return None
    if isinstance(network, OnnxDescriptor):
        return network.path
    if isinstance(network, TimmDescriptor):
        network.export(scratch / "descriptor.onnx")
        return scratch / "descriptor.onnx"
    raise TypeError(f"No ONNX file can be had of a {type(network).__name__}.")


def _print_figures(figures: dict[str, Any]) -> None:
    typer.echo(f"{figures['split']}")
    typer.echo(
        f"top-5       {100 * figures['precision_at_5']:6.2f} %  "
        f"(worst order of ties {100 * figures['precision_at_5_low']:.2f}, "
        f"best {100 * figures['precision_at_5_high']:.2f})"
    )
    typer.echo(f"mAP         {100 * figures['map']:6.2f} %")
    codes = figures["codes"]
    typer.echo(
        f"codes       {figures['bits']} bits, {codes['unique_codes_per_thousand']:.0f} different a "
        f"thousand images, imbalance {codes['bit_imbalance']:.3f}, "
        f"correlation {codes['bit_correlation']:.3f}"
    )
