"""One training, from data to a measured model, once its options are known to be right."""

from __future__ import annotations

import os
import weakref
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hashlens.datasets.checking import check_dataset, check_protocol
from hashlens.datasets.dataset import Dataset
from hashlens.datasets.described import AnyData, DescribedDataset, describe_checked
from hashlens.datasets.findings import DataCheck
from hashlens.datasets.opening import load_dataset
from hashlens.datasets.protocols import Split, make_split
from hashlens.descriptors import Descriptor
from hashlens.errors import DataError
from hashlens.files.cache_folder import cache_folder
from hashlens.hashers import Hasher
from hashlens.hashers.inputs import check_labels
from hashlens.model.model import Model
from hashlens.model.protocol_search import search_split
from hashlens.training.finetune.tuning_options import TuningOptions, Workplace
from hashlens.training.fitting import fit_split
from hashlens.training.listener import Listener
from hashlens.training.network_file import network_file
from hashlens.training.output import Output


@dataclass(frozen=True, slots=True)
class Job:
    """A training whose options fit together.

    Attributes
    ----------
    hasher : Hasher
        Not fitted yet.
    protocol : str
    split_seed : int
    tuning : TuningOptions, optional
        How the network is fine-tuned; by default it stays as it is.
    output : Output, optional
    cache : Path, optional
    max_unusable : float
    strict : bool
    listener : Listener
    """

    hasher: Hasher
    protocol: str
    split_seed: int
    tuning: TuningOptions | None
    output: Output | None
    cache: Path | None
    max_unusable: float
    strict: bool
    listener: Listener

    def open(
        self, data: AnyData, folder: Path | None
    ) -> tuple[Dataset | DescribedDataset, DataCheck | None]:
        """Return data that can be trained on, and what was found in it; None if described before.

        Raises
        ------
        ParameterError, DataError
            If the data can't be used by the method or the protocol.
        """
        found = None
        if isinstance(data, DescribedDataset) and self.tuning is not None:
            if data.dataset is None:
                raise DataError(
                    "Fine-tuning reads the images themselves, and this described data set comes "
                    "without them. Pass the Dataset, or train the head alone with tune='head'."
                )
            data = data.dataset
        if not isinstance(data, DescribedDataset):
            data, found = self._checked(data, folder)
        check_protocol(data, self.protocol, self.split_seed)
        if self.hasher.supervised and not self.hasher.several_labels:
            labels = data.train.labels
            check_labels(labels, len(labels), f"The method {self.hasher.name!r}")
        return data, found

    def _checked(
        self, data: str | os.PathLike[str] | Dataset, folder: Path | None
    ) -> tuple[Dataset, DataCheck]:
        dataset = data if isinstance(data, Dataset) else load_dataset(Path(data), folder)
        # With the head alone, images are decoded once: when they are described.
        decode = self.tuning is not None
        dataset, found = check_dataset(dataset, decode, self.listener.on_progress)
        for line in found.lines():
            self.listener.on_message(line)
        if self.strict:
            found.check_complete()
        found.check_limit(self.max_unusable)
        if dataset.validation is not None and "schedule" not in self.hasher.get_params():
            self.listener.on_message(
                f"the method {self.hasher.name!r} chooses nothing by validation images: it learns "
                "from them as well"
            )
        return dataset, found

    def run(
        self, data: Dataset | DescribedDataset, found: DataCheck | None, network: Descriptor
    ) -> Model:
        """Train, save, measure and report; return the model.

        Parameters
        ----------
        data, found
            As `open` returns them.
        network : Descriptor
        """
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(TemporaryDirectory(prefix="hashlens-")))
            if self.tuning is None:
                file = network_file(network, scratch)
                described = self._described(data, found, network)
                split = self._split(described)
                model = self._fit(described, split, file)
            else:
                assert isinstance(data, Dataset)
                model = self._finetune(data, network, self.tuning, scratch)
                described = self._described(data, found, model.load_descriptor())
                split = self._split(described)
            self._measure(model, described, split)
            if self.output is None:
                # The model reads its network there until it is saved.
                weakref.finalize(model, stack.pop_all().close)
        if self.output is not None:
            self.output.discard_work()
        return model

    def _described(
        self, data: Dataset | DescribedDataset, found: DataCheck | None, network: Descriptor
    ) -> DescribedDataset:
        if isinstance(data, DescribedDataset):
            return data
        assert found is not None
        return describe_checked(
            data,
            found,
            network,
            cache=self.cache,
            max_unusable=self.max_unusable,
            strict=self.strict,
            on_progress=self.listener.on_progress,
            on_message=self.listener.on_message,
        )

    def _split(self, data: DescribedDataset) -> Split:
        return make_split(self.protocol, data.train.labels, data.test.labels, self.split_seed)

    def _fit(self, data: DescribedDataset, split: Split, network: Path | None) -> Model:
        arguments: dict[str, Any] = {}
        if "schedule" in self.hasher.get_params():
            arguments["on_epoch"] = self.listener.on_epoch
        model = fit_split(data, self.hasher, split, network, **arguments)
        self._save(model)
        return model

    def _finetune(
        self, data: Dataset, network: Descriptor, tuning: TuningOptions, scratch: Path
    ) -> Model:
        from hashlens.training.finetune.run import finetune

        folder = scratch if self.output is None else self.output.work_folder
        place = Workplace(folder, cache_folder(self.cache))
        if place.checkpoint.exists():
            self.listener.on_message("resuming an interrupted fine-tuning")
        model = finetune(data, network, self.hasher, tuning, place, self.listener)
        self._save(model)
        return model

    def _save(self, model: Model) -> None:
        """Save a trained model before it is measured, so that no failure costs the training."""
        if self.output is not None:
            self.output.save(model)
            self.listener.on_message(f"saved {self.output.folder}; measuring it")

    def _measure(self, model: Model, data: DescribedDataset, split: Split) -> None:
        try:
            search = search_split(model.hasher, data, split)
            model.metrics = model.metrics_of(search, data)
            if self.output is not None:
                self.output.save_figures(model, data, search, self.listener.on_message)
        finally:
            if self.output is not None:
                self.output.save_card(model)
