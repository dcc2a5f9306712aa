"""The training loop of fine-tuning: SGD on the tuned part and its head, resumable by epoch."""

from __future__ import annotations

import copy
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from hashlens.arrays import AnyLabels, Floats, Rows
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
from hashlens.training.finetune.checkpoints import read_checkpoint, write_checkpoint
from hashlens.training.finetune.memory import freed_memory_kept
from hashlens.training.finetune.mixed_precision import mixed_precision
from hashlens.training.finetune.regularizing import Mixture, moving_average, parameter_groups
from hashlens.training.finetune.tunable import TunableHead
from hashlens.training.finetune.tuned_network import TunedNetwork
from hashlens.training.finetune.tuning_inputs import Inputs
from hashlens.training.finetune.tuning_options import Regularization

MAX_VALIDATION = 1_000
"""Most images that are held out. Unlike a head, a network is never trained on them afterwards."""

LEAST_STEPS = 32
SMALLEST_BATCH = 16
"""If an epoch has fewer than `LEAST_STEPS` steps, batches are smaller than the schedule's, down to
this size: a few hundred images would make only two or three batches per epoch."""


@dataclass(slots=True)
class _Course:
    """What changes from step to step besides the network, and the best epoch if one is chosen."""

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
        The head whose network is the one in ``network``.
    inputs : Inputs
    labels : int64 array of shape (n,), from 0, or bool array of shape (n, classes)
    seed : int
        Seed of the validation part, the order of batches, the views and the mixtures.
    device : torch.device
    regularization : Regularization
    checkpoint : Path, optional
        Written after every epoch.
    facts : str
        Digest of all that determines the outcome; a checkpoint with other facts is refused.
    on_epoch : callable, optional
    held_out : int64 array, optional
        Rows of the validation part; by default a random share.
    history : list of Epoch
    kept : int
        Number of the epoch whose weights the network has after `run`.
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
    held_out: Rows | None = None
    history: list[Epoch] = field(default_factory=list)
    kept: int = 0

    def run(self) -> list[Epoch]:
        """Train the network, and return the history.

        The network ends with the weights of the last epoch: a learning-rate cycle is designed for
        its end, and its last epochs differ by less than a thousand validation queries can resolve.
        With a constant rate, it ends with those of the best epoch. If there is a checkpoint,
        training resumes from it.

        Raises
        ------
        DataError, FormatError
            If the loss diverges, or the checkpoint is damaged or has other facts.
        HashlensError
            If a checkpoint can't be written.
        """
        self.network.to(self.device, memory_format=torch.channels_last)
        share = self.head.schedule.validation_share
        parts = validation_split(self.labels, share, self.seed, MAX_VALIDATION, self.held_out)
        validation, training = (part.numpy() for part in parts)
        course = self._begin(len(training))
        began = time.monotonic() - (self.history[-1].seconds if self.history else 0.0)
        while not self._is_done(course):
            with freed_memory_kept():
                losses = self._pass(training, course)
                precision = self._validate(self._judged(course), validation, training)
            self._note(losses, precision, time.monotonic() - began, course)
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

    def _judged(self, course: _Course) -> nn.Module:
        """Return the network that would be kept now: the average, if there is one."""
        return self.network if course.average is None else course.average.module

    def _note(
        self, losses: dict[str, float], precision: float, seconds: float, course: _Course
    ) -> None:
        """Add an epoch to the history and, if it is the best one so far, keep its weights."""
        number = len(self.history) + 1
        self.history.append(Epoch(number, self.head.schedule.epochs, losses, precision, seconds))
        if self._chooses and precision > course.best["precision_at_5"]:
            weights = copy.deepcopy(self._judged(course).state_dict())
            course.best = {"number": number, "precision_at_5": precision, "weights": weights}

    @property
    def _chooses(self) -> bool:
        """Whether validation chooses the epoch that is kept."""
        return self.head.schedule.decay == "constant"

    def _begin(self, images: int) -> _Course:
        """Return the course at its beginning, or as the checkpoint has it."""
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

    def _pass(self, training: Rows, course: _Course) -> dict[str, float]:
        """Train on the training part once; return the mean of every loss term."""
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

    def _terms(self, rows: Rows, views: Rows, order: torch.Generator) -> LossTerms:
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

    def _gather(self, rows: Rows, views: Rows) -> Tensor:
        x = self.inputs.gather(rows, views)
        return x.to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _project(self, network: nn.Module, rows: Rows) -> Floats:
        """Return the real-valued codes of some images, float32 (n, bits)."""
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
        queries: Rows,
        training: Rows,
    ) -> float:
        """Return the precision at 5 of the queries in the first of the training images."""
        database = training[:MAX_DATABASE]
        codes = [pack(self._project(network, rows) > 0) for rows in (queries, database)]
        figures = evaluate_codes(
            codes[0], self.labels[queries], codes[1], self.labels[database], 8 * codes[0].shape[1]
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
