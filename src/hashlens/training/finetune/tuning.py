"""The loop that fine-tunes: SGD on a network's last part and its head, resumable by epochs."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from hashlens.arrays import AnyLabels
from hashlens.codes import pack
from hashlens.evaluation import evaluate_codes
from hashlens.hashers.networks.heads import LossTerms
from hashlens.hashers.networks.loop import (
    MAX_DATABASE,
    Epoch,
    OnEpoch,
    epoch_order,
    make_optimizer,
    sampling_weights,
    take_step,
    validation_split,
)
from hashlens.training.finetune.activations import Inputs
from hashlens.training.finetune.checkpoints import read_checkpoint, write_checkpoint
from hashlens.training.finetune.memory import freed_memory_kept
from hashlens.training.finetune.mixed_precision import mixed_precision
from hashlens.training.finetune.regularizing import Mixture, moving_average, parameter_groups
from hashlens.training.finetune.tunable import TunableHead
from hashlens.training.finetune.tuning_options import Regularization

MAX_VALIDATION = 1_000
"""Images that are held out. A head ends its training on all images, a network does not; and images
that were not trained on are coded less surely."""

LEAST_STEPS = 32
SMALLEST_BATCH = 16
"""Where an epoch would have fewer steps, batches are smaller than the schedule's, down to this: a
few hundred images make two or three of its batches, and training would end where it has hardly
begun."""


class TunedNetwork(nn.Module):
    """The tuned part and the head on it.

    Parameters
    ----------
    suffix : nn.Module
    head : nn.Module
    normalize : callable
        From the suffix's features to the head's input.
    """

    def __init__(
        self, suffix: nn.Module, head: nn.Module, normalize: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.suffix, self.head, self.normalize = suffix, head, normalize

    def features(self, x: Tensor) -> Tensor:
        """Return the head's input, (n, D)."""
        return self.normalize(self.suffix(x).float())

    def forward(self, x: Tensor) -> Tensor:
        """Return what is thresholded at zero, (n, bits)."""
        out: Tensor = self.head(self.features(x))
        return out


@dataclass(slots=True)
class _Course:
    """What changes from step to step beside the network, and the best epoch where one is chosen."""

    batch_size: int
    optimizer: torch.optim.Optimizer
    rate: torch.optim.lr_scheduler.LRScheduler
    order: torch.Generator
    average: AveragedModel | None
    best: dict[str, Any] = field(
        default_factory=lambda: {"number": 0, "precision_at_5": -1.0, "weights": {}}
    )


@dataclass(slots=True)
class Tuning:
    """One run of the loop.

    Attributes
    ----------
    network : TunedNetwork
    head : TunableHead
        Whose network is the one in ``network``.
    inputs : Inputs
    labels : int64 array of shape (n,), from 0, or bool array of shape (n, classes)
    seed : int
        Of the validation part, the order of batches, the views and the mixtures.
    device : torch.device
    regularization : Regularization
    checkpoint : Path, optional
        Written after every epoch.
    facts : str
        Digest of all that decides the outcome; a checkpoint of other facts is refused.
    on_epoch : callable, optional
    history : list of Epoch
    kept : int
        Number of the epoch that the network is of after `run`.
    """

    network: TunedNetwork
    head: TunableHead
    inputs: Inputs
    labels: AnyLabels
    seed: int
    device: torch.device
    regularization: Regularization = field(default_factory=Regularization)
    checkpoint: Path | None = None
    facts: str = ""
    on_epoch: OnEpoch | None = None
    history: list[Epoch] = field(default_factory=list)
    kept: int = 0

    def run(self) -> list[Epoch]:
        """Train, leave the weights of the epoch that is kept in the network, return the history.

        One cycle of the learning rate is made for its end, and its last epochs differ by less than
        a thousand validation queries can tell, so the last one is kept. With a constant rate, the
        best one is. Where there is a checkpoint, training goes on from it.

        Raises
        ------
        DataError, FormatError
            If the loss diverges, or the checkpoint is of other facts or damaged.
        HashlensError
            If a checkpoint can't be written.
        """
        self.network.to(self.device, memory_format=torch.channels_last)
        schedule = self.head.schedule
        validation, training = (
            part.numpy()
            for part in validation_split(
                self.labels, schedule.validation_share, self.seed, MAX_VALIDATION
            )
        )
        course = self._begin(len(training))
        began = time.monotonic() - (self.history[-1].seconds if self.history else 0.0)
        while not self._is_done(course):
            judged = self.network if course.average is None else course.average.module
            with freed_memory_kept():
                losses = self._pass(training, course)
                precision_at_5 = self._validate(judged, validation, training[:MAX_DATABASE])
            number = len(self.history) + 1
            self.history.append(
                Epoch(number, schedule.epochs, losses, precision_at_5, time.monotonic() - began)
            )
            if self._chooses and precision_at_5 > course.best["precision_at_5"]:
                weights = copy.deepcopy(judged.state_dict())
                course.best = {
                    "number": number,
                    "precision_at_5": precision_at_5,
                    "weights": weights,
                }
            self._save(course)
            if self.on_epoch is not None:
                self.on_epoch(self.history[-1])
        if self._chooses:
            self.network.load_state_dict(course.best["weights"])
        elif course.average is not None:
            self.network.load_state_dict(course.average.module.state_dict())
        self.kept = course.best["number"] if self._chooses else len(self.history)
        self.network.cpu().eval()
        return self.history

    @property
    def _chooses(self) -> bool:
        """Whether the epoch that is kept is chosen by validation."""
        return self.head.schedule.decay == "constant"

    def _begin(self, images: int) -> _Course:
        """Return the course at its beginning, or where the checkpoint left it."""
        schedule = self.head.schedule
        size = min(schedule.batch_size, max(SMALLEST_BATCH, images // LEAST_STEPS), images)
        groups = parameter_groups(
            self.network.suffix, self.network.head, schedule, self.regularization.body_rate
        )
        optimizer, rate = make_optimizer(groups, schedule, images // size)
        order = torch.Generator().manual_seed(self.seed)
        average = None
        if self.regularization.average:
            steps = self.regularization.average * schedule.epochs * (images // size)
            average = moving_average(self.network, max(steps, 1.0))
        course = _Course(size, optimizer, rate, order, average)
        if self.checkpoint is not None and self.checkpoint.is_file():
            self._restore(course)
        return course

    def _is_done(self, course: _Course) -> bool:
        done = len(self.history)
        schedule = self.head.schedule
        waited = self._chooses and done - course.best["number"] >= schedule.patience
        return done >= schedule.epochs or waited

    def _pass(self, training: npt.NDArray[np.int64], course: _Course) -> dict[str, float]:
        """Go through the training part once; return the mean of every term."""
        self.network.train()
        weights = sampling_weights(self.labels, self.head.schedule.balance)
        shuffled = epoch_order(torch.from_numpy(training), weights, course.order).numpy()
        views = self.inputs.draw(len(training), course.order)
        sums: dict[str, float] = {}
        size = course.batch_size
        batches = len(shuffled) // size
        for start in range(0, batches * size, size):
            rows = shuffled[start : start + size]
            terms = self._terms(rows, views[start : start + size], course.order)
            take_step(terms, course.optimizer, course.rate, sums)
            if course.average is not None:
                course.average.update_parameters(self.network)
        return {name: total / batches for name, total in sums.items()}

    def _terms(
        self, rows: npt.NDArray[np.int64], views: npt.NDArray[np.int64], order: torch.Generator
    ) -> LossTerms:
        """Return the loss terms of a batch."""
        x = self._gather(rows, views)
        labels = torch.from_numpy(self.labels[rows]).to(self.device)
        mixture = None
        if self.regularization.mixup:
            mixture = Mixture.draw(self.regularization.mixup, len(rows), order)
            x = mixture.inputs(x)
        with mixed_precision(self.network, self.device):
            features = self.network.features(x)
        if mixture is None:
            return self.head.terms(features, labels)
        return mixture.terms(self.head, features, labels)

    def _gather(self, rows: npt.NDArray[np.int64], views: npt.NDArray[np.int64]) -> Tensor:
        x = self.inputs.gather(rows, views)
        return x.to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _project(self, network: nn.Module, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return what is thresholded at zero for some images, float32 (n, bits)."""
        network.eval()
        parts = []
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            x = self._gather(some, np.zeros_like(some))
            parts.append(network(x).float().cpu().numpy())
        return np.concatenate(parts)

    def _validate(
        self,
        network: nn.Module,
        queries: npt.NDArray[np.int64],
        database: npt.NDArray[np.int64],
    ) -> float:
        asked, held = (pack(self._project(network, rows) > 0) for rows in (queries, database))
        figures = evaluate_codes(
            asked, self.labels[queries], held, self.labels[database], 8 * asked.shape[1]
        )
        return figures.precision.expected

    def _save(self, course: _Course) -> None:
        if self.checkpoint is None:
            return
        state = {
            "facts": self.facts,
            "network": self.network.state_dict(),
            "average": course.average and course.average.state_dict(),
            "optimizer": course.optimizer.state_dict(),
            "rate": course.rate.state_dict(),
            "order": course.order.get_state(),
            "torch": torch.get_rng_state(),
            "best": course.best,
            "history": [asdict(epoch) for epoch in self.history],
        }
        write_checkpoint(self.checkpoint, state)

    def _restore(self, course: _Course) -> None:
        assert self.checkpoint is not None
        state = read_checkpoint(self.checkpoint, self.facts)
        self.network.load_state_dict(state["network"])
        if course.average is not None:
            course.average.load_state_dict(state["average"])
        course.optimizer.load_state_dict(state["optimizer"])
        course.rate.load_state_dict(state["rate"])
        course.order.set_state(state["order"])
        torch.set_rng_state(state["torch"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        course.best = state["best"]
