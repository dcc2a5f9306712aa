"""Fine-tuning on the command line: where it is kept, what an epoch prints, and the report."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashlens.cli.console import note, progress_bar
from hashlens.datasets.dataset import Dataset
from hashlens.descriptors import Descriptor
from hashlens.errors import HashlensError, MissingExtraError, ParameterError
from hashlens.hashers import Hasher
from hashlens.model.model import Model

if TYPE_CHECKING:
    from hashlens.datasets.described import DescribedDataset
    from hashlens.model.protocol_search import Search
    from hashlens.training.finetune.options import TuningOptions


def check_tune(tune: str, device: str | None) -> None:
    """Refuse options that do not go together, before any work.

    Raises
    ------
    ParameterError
    """
    if tune not in ("head", "last", "all"):
        raise ParameterError(f"--tune must be head, last or all. Got {tune!r} instead.")
    if tune == "head" and device is not None:
        raise ParameterError("--device goes with --tune last or --tune all.")


def tuning_options(hasher: Hasher, **values: Any) -> TuningOptions:
    """Return the options of a fine-tuning, before any image is opened.

    Parameters
    ----------
    hasher : Hasher
    **values
        Fields of `TuningOptions`.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    ParameterError
        If no network can be tuned under the hasher.
    """
    try:
        from hashlens.training.finetune.options import TuningOptions
        from hashlens.training.finetune.tunable import check_tunable
    except ImportError as error:
        if error.name != "torch":
            raise
        raise MissingExtraError("Fine-tuning a network", "torch", "train") from None
    check_tunable(hasher)
    return TuningOptions(**values)


def work_folder(target: Path) -> Path:
    """Return where the checkpoint of a model directory in the making lies: beside it, hidden."""
    target = target.resolve()
    return target.with_name(f".{target.name}.training")


def discard_work(target: Path) -> None:
    """Remove the checkpoint of a model that is saved."""
    shutil.rmtree(work_folder(target), ignore_errors=True)


def finetuned(
    dataset: Dataset,
    network: Descriptor,
    hasher: Hasher,
    options: TuningOptions,
    target: Path,
    cache: Path,
) -> Model:
    """Fine-tune, with a bar for activations and a line an epoch."""
    from hashlens.training.finetune.options import Workplace
    from hashlens.training.finetune.run import finetune
    from hashlens.training.listener import Listener

    place = Workplace(work_folder(target), cache)
    if place.checkpoint.exists():
        note("going on with a fine-tuning that was interrupted")
    with progress_bar("images") as move:
        return finetune(dataset, network, hasher, options, place, Listener(move, note, print_epoch))


def print_epoch(epoch: Any) -> None:
    """Print an epoch's losses and validation top-5 on stderr."""
    terms = "  ".join(f"{name} {value:.4f}" for name, value in epoch.losses.items())
    note(
        f"epoch {epoch.number:3}/{epoch.epochs}  "
        f"validation top-5 {100 * epoch.precision_at_5:6.2f} %  {terms}  {epoch.seconds:.0f} s"
    )


def reported(
    encoder: Model, described: DescribedDataset, search: Search, target: Path
) -> Path | None:
    """Write the report into the directory of a saved model; a failure costs the report alone."""
    from hashlens.report import write_report

    command = shlex.join(["hashlens", *sys.argv[1:]])
    note("writing the report")
    try:
        return write_report(encoder, described, search, target, command)
    except (HashlensError, OSError) as error:
        note(f"the model is saved, but its report could not be written: {error}")
        return None
