"""`train`: from labeled images to a model directory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from hashlens.cli.console import note, notes, print_json
from hashlens.cli.datasets import check_protocol, described, opened
from hashlens.cli.figures import print_figures
from hashlens.cli.options import (
    CacheOption,
    DataArgument,
    DataFolderOption,
    DescriptorOption,
    JsonOption,
    ProtocolOption,
    SplitSeedOption,
    WeightsOption,
)
from hashlens.cli.training import (
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
from hashlens.hashers.inputs import check_labels
from hashlens.model.folder import check_model_folder
from hashlens.model.model import Model
from hashlens.training import train_model

_Bits = Annotated[int, typer.Option(help="Code length: a multiple of 8, up to 512.")]
_Method = Annotated[str, typer.Option(help="The hashing method, such as autoencoder, itq or lsh.")]
_Preset = Annotated[
    str | None,
    typer.Option(
        help="Configuration of the autoencoder: default; general, if you will also search for "
        "classes that are not in DATA; or paper, as published.",
        show_default=False,
    ),
]
_Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "--model",
        metavar="DIR",
        help="The model directory to write. Default: METHOD-BITS in the current folder.",
        show_default=False,
    ),
]
_Epochs = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Maximum number of epochs, for methods that train a network.",
        show_default=False,
    ),
]
_LearningRate = Annotated[
    float | None,
    typer.Option(
        min=1e-9,
        help="Peak learning rate, for methods that train a network; lower it if training diverges.",
        show_default=False,
    ),
]
_Seed = Annotated[int, typer.Option(help="Random seed of the method.")]
_Tune = Annotated[
    str,
    typer.Option(
        help="What to train. head: only the hash; last: the last blocks of the descriptor's "
        "network too; all: the whole network."
    ),
]
_TuneBlocks = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of blocks that --tune last changes. Default: half of them.",
        show_default=False,
    ),
]
_TuneCrops = Annotated[
    int,
    typer.Option(
        min=0,
        help="Random crops per image, half of them mirrored, to train on besides the image itself; "
        "--tune all draws new ones in every epoch.",
    ),
]
_Device = Annotated[
    str | None,
    typer.Option(help="cpu, cuda or mps. Default: the best available.", show_default=False),
]
_Report = Annotated[
    bool,
    typer.Option(
        "--report/--no-report",
        help="Write report.html and report.json into the model directory. The page contains "
        "thumbnails of some images.",
    ),
]
_Check = Annotated[
    bool, typer.Option("--check", help="Only check the data, report what was found, and stop.")
]
_MaxUnusable = Annotated[
    float,
    typer.Option(
        "--max-unusable",
        metavar="SHARE",
        min=0,
        max=1,
        help="Share of the images that may be unreadable or have contradicting labels.",
    ),
]


def train(
    data: DataArgument,
    bits: _Bits = 64,
    method: _Method = "autoencoder",
    preset: _Preset = None,
    out: _Out = None,
    descriptor: DescriptorOption = "default",
    weights: WeightsOption = None,
    protocol: ProtocolOption = "standard",
    split_seed: SplitSeedOption = 0,
    epochs: _Epochs = None,
    learning_rate: _LearningRate = None,
    seed: _Seed = 0,
    tune: _Tune = "head",
    tune_blocks: _TuneBlocks = None,
    tune_crops: _TuneCrops = 4,
    device: _Device = None,
    report: _Report = True,
    check: _Check = False,
    max_unusable: _MaxUnusable = MAX_UNUSABLE,
    data_folder: DataFolderOption = None,
    cache: CacheOption = None,
    json: JsonOption = False,
) -> None:
    """Train a code on labeled images.

    Writes a model directory. The data is checked first: unreadable images, copies and images with
    contradicting labels are reported and left out. Descriptors are computed once and cached, so
    another method or code length only takes its own training. If fine-tuning (--tune) is
    interrupted, the same command resumes after the last finished epoch.

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
    notes(found.lines())
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
    assert training is not None
    assert training.protocol is not None
    search = encoder.search_protocol(data, training.protocol, training.split_seed)
    encoder.metrics = encoder.metrics_of(search, data)
    encoder.save(target)
    if not json:
        print_figures(encoder.metrics)
        typer.echo(f"model       {target}  ({training.seconds:.0f} s of training)")
    page = reported(encoder, data, search, target) if report else None
    if json:
        where = {"model": str(target), "report": None if page is None else str(page)}
        print_json({**where, "training": training.to_dict(), **encoder.metrics})
    elif page is not None:
        typer.echo(f"report      {page}")


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
