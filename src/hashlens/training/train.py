"""The front door of training: labeled images in, a measured model out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from hashlens.datasets.described import AnyData, DescribedDataset
from hashlens.datasets.findings import MAX_UNUSABLE
from hashlens.descriptors import Descriptor, load_descriptor
from hashlens.errors import ParameterError
from hashlens.model.model import Model
from hashlens.progress import OnMessage, OnProgress, no_progress
from hashlens.training.finetune.tuning_options import TuningOptions
from hashlens.training.job import Job
from hashlens.training.listener import Listener
from hashlens.training.method import choose_hasher, method_parameters
from hashlens.training.output import choose_output

if TYPE_CHECKING:
    from hashlens.hashers.networks.loop import OnEpoch

_log = logging.getLogger(__name__)


def train(
    data: AnyData,
    method: str = "autoencoder",
    bits: int = 64,
    *,
    preset: str | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
    protocol: str = "standard",
    split_seed: int = 0,
    descriptor: str | Descriptor | None = None,
    weights: Path | None = None,
    tune: str = "head",
    tune_blocks: int | None = None,
    tune_crops: int = 4,
    device: str | None = None,
    out: str | Path | None = None,
    report: bool = False,
    command: str | None = None,
    max_unusable: float = MAX_UNUSABLE,
    strict: bool = False,
    data_folder: Path | None = None,
    cache: str | Path | None = None,
    on_progress: OnProgress = no_progress,
    on_epoch: OnEpoch | None = None,
    on_message: OnMessage = _log.info,
) -> Model:
    """Train a code on labeled images, and measure it.

    The data is checked first: images that can't be read, copies, and images with contradicting
    labels are left out, and ``on_message`` says which. Descriptors are computed once and cached, so
    another method or length takes only its own training. With ``out``, the model is saved as soon
    as it is trained, and a fine-tuning that was interrupted is resumed after its last epoch when
    the call is repeated.

    Parameters
    ----------
    data : str, Path, Dataset or DescribedDataset
        As `hashlens.load_dataset` takes or returns it, or described already.
    method : str, default "autoencoder"
        A key of `hashlens.hashers.METHODS`.
    bits : int, default 64
        Code length: a multiple of 8, up to 512.
    preset : {"default", "general", "paper"}, optional
        Configuration of the autoencoder. "general" suits classes that are not in ``data``.
    epochs : int, optional
        Maximum number of epochs, for methods that train a network.
    learning_rate : float, optional
        Peak learning rate, for methods that train a network; lower it if training diverges.
    seed : int
        Seed of the method.
    parameters : mapping, optional
        Further constructor parameters of the method.
    protocol : {"standard", "heldout", "unseen"}
        Which images the method learns from, and which of the others measure it: see
        `hashlens.datasets.make_split`.
    split_seed : int
        Seed of the protocol's split.
    descriptor : str or Descriptor, optional
        ``default`` (the bundled one), ``timm:NAME`` or ``onnx:FILE``. Described data brings its
        own.
    weights : Path, optional
        Local weights of a ``timm:`` descriptor.
    tune : {"head", "last", "all"}
        What is trained: the hash alone; also the last blocks of the network; the whole network.
    tune_blocks : int, optional
        Number of blocks that "last" tunes; by default half of them.
    tune_crops : int
        Random crops per image, half of them mirrored, that are trained on beside the image.
    device : str, optional
        Device of a fine-tuning, as PyTorch names it; by default the best one available.
    out : Path, optional
        The model directory to write.
    report : bool
        Whether to write the report of the training into ``out``.
    command : str, optional
        The command that the report names.
    max_unusable : float
        Share of images, in [0, 1], that may be unreadable or have contradicting labels.
    strict : bool
        Refuse data of which anything would be left out: files passed over, unreadable images, and
        images without a class that is trained on.
    data_folder : Path, optional
        Where a data set given by name lies, instead of a download.
    cache : Path, optional
        Folder of descriptor caches; by default ``$HASHLENS_CACHE``, else the user's cache folder.
    on_progress : callable, optional
        Called with a step, the images done and the images in all.
    on_epoch : callable, optional
        Called with each `hashlens.hashers.networks.loop.Epoch`.
    on_message : callable, optional
        Called with findings and steps, one line of text each; by default they are logged.

    Returns
    -------
    Model
        With ``training`` and ``metrics`` filled in.

    Raises
    ------
    ParameterError
        If options do not fit together; nothing was done.
    DataError
        If the data can't be used, or does not suffice for the protocol.
    HashlensError
        If a file can't be written. A model that was trained is saved before it is measured.

    Examples
    --------
    >>> model = hashlens.train("products/", "itq", 64, out="products-64")  # doctest: +SKIP
    """
    tuning = choose_tuning(
        tune,
        device,
        tune_blocks,
        crops=tune_crops,
        protocol=protocol,
        split_seed=split_seed,
        seed=seed,
    )
    chosen = method_parameters(
        method,
        seed=seed,
        preset=preset,
        epochs=epochs,
        learning_rate=learning_rate,
        parameters=parameters,
    )
    job = Job(
        hasher=choose_hasher(method, bits, tuning is not None, chosen),
        protocol=protocol,
        split_seed=split_seed,
        tuning=tuning,
        output=choose_output(out, report, command),
        cache=None if cache is None else Path(cache),
        max_unusable=max_unusable,
        strict=strict,
        listener=Listener(on_progress, on_message, on_epoch),
    )
    usable, found = job.open(data, data_folder)
    return job.run(usable, found, _network(data, descriptor, weights))


def choose_tuning(
    tune: str, device: str | None, blocks: int | None, **options: Any
) -> TuningOptions | None:
    """Return how the network is fine-tuned; None if the head alone is trained.

    Parameters
    ----------
    tune : {"head", "last", "all"}
    device : str, optional
    blocks : int, optional
    **options
        Further fields of `TuningOptions`.

    Raises
    ------
    ParameterError
        If options do not fit together.
    """
    if tune not in ("head", "last", "all"):
        raise ParameterError(f"'tune' must be 'head', 'last' or 'all'. Got {tune!r} instead.")
    if blocks is not None and tune != "last":
        raise ParameterError("'tune_blocks' applies only where 'tune' is 'last'.")
    if tune == "head":
        if device is not None:
            raise ParameterError("'device' applies only where 'tune' is 'last' or 'all'.")
        return None
    return TuningOptions(cast(Literal["last", "all"], tune), blocks, device=device, **options)


def _network(
    data: AnyData, descriptor: str | Descriptor | None, weights: Path | None
) -> Descriptor:
    if isinstance(data, DescribedDataset):
        if descriptor is not None:
            raise ParameterError("Described data brings its descriptor: leave out 'descriptor'.")
        return data.descriptor
    if isinstance(descriptor, Descriptor):
        return descriptor
    return load_descriptor(descriptor or "default", weights)
