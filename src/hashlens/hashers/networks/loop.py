"""The mini-batch loop that deep hashers share: SGD, a learning-rate schedule, early stopping."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

from hashlens.arrays import AnyLabels, Floats, Rows
from hashlens.codes import pack
from hashlens.errors import DataError
from hashlens.evaluation import evaluate_codes
from hashlens.hashers.presets import Schedule
from hashlens.labels import images_per_class, rarest_label

MAX_VALIDATION = 5000
"""Queries enough to estimate precision at 5 to half a point; more would only cost time."""

MAX_DATABASE = 10_000
"""Training vectors searched in validation: enough to choose an epoch. Searching all of them would
take a fifth of the training time."""

FINISH_RATE = 0.5
"""Learning rate of the first step over all vectors, as a share of the schedule's."""

WARM_UP = 1 / 6
"""Share of the steps during which one-cycle raises the learning rate."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """The outcome of one pass over the training data.

    Attributes
    ----------
    number : int
        From 1.
    epochs : int
        Maximum number of epochs.
    losses : dict of str to float
        Mean of every loss term, unweighted.
    precision_at_5 : float
        Precision at 5 of validation queries among up to 10,000 training codes, in [0, 1].
    seconds : float
        Time since training began.
    """

    number: int
    epochs: int
    losses: dict[str, float]
    precision_at_5: float
    seconds: float


OnEpoch = Callable[[Epoch], None]
LossFunction = Callable[[Tensor, Tensor], dict[str, tuple[float, Tensor]]]
"""Maps a batch (inputs, labels) to name → (weight, term)."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """What watches a training.

    Attributes
    ----------
    on_epoch : callable, optional
        Called after each epoch.
    validation : int64 array, optional
        Rows of the training vectors that are held out to choose the epoch; by default a random
        share of them, see `Schedule`.
    """

    on_epoch: OnEpoch | None = None
    validation: Rows | None = None


@dataclass(slots=True)
class Training:
    """One run of the loop: a network, its loss, and data.

    Attributes
    ----------
    network : nn.Module
        Its ``forward`` returns the values thresholded at zero, (n, bits).
    terms : callable
        Returns the loss terms of a batch, each with its weight.
    schedule : Schedule
    seed : int
        Seed of the split and the batch order. The caller initializes the weights.
    monitor : Monitor, optional
    """

    network: nn.Module
    terms: LossFunction
    schedule: Schedule
    seed: int
    monitor: Monitor = field(default_factory=Monitor)

    def run(self, X: Floats, y: AnyLabels) -> list[Epoch]:
        """Train, restore the best epoch, finish on all vectors, and return the history.

        Parameters
        ----------
        X : float32 array of shape (n, D)
        y : int64 array of shape (n,), labels from 0, or bool array of shape (n, classes)

        Raises
        ------
        DataError
            If there are too few vectors for a batch and a validation part, or the loss diverges.
        """
        share, held_out = self.schedule.validation_share, self.monitor.validation
        validation, training = validation_split(y, share, self.seed, held_out=held_out)
        weights = sampling_weights(y, self.schedule.balance)
        data = _Data(torch.from_numpy(X), torch.from_numpy(y), training, validation, weights)
        order = torch.Generator().manual_seed(self.seed)
        history = self._until_best(data, order)
        self._finish(data, order)
        self.network.eval()
        return history

    def _until_best(self, data: _Data, order: torch.Generator) -> list[Epoch]:
        """Train on the training part, then restore the weights of the best epoch."""
        size = min(self.schedule.batch_size, len(data.training))
        optimizer, rate = make_optimizer(
            self.network.parameters(), self.schedule, len(data.training) // size
        )
        history: list[Epoch] = []
        best, best_weights = Epoch(0, 0, {}, -1.0, 0.0), self.network.state_dict()
        began = time.monotonic()
        for number in range(1, self.schedule.epochs + 1):
            losses = self._pass(data, data.training, optimizer, rate, order)
            precision_at_5 = self._validate(data)
            seconds = time.monotonic() - began
            history.append(Epoch(number, self.schedule.epochs, losses, precision_at_5, seconds))
            if self.monitor.on_epoch is not None:
                self.monitor.on_epoch(history[-1])
            if precision_at_5 > best.precision_at_5:
                best, best_weights = history[-1], copy.deepcopy(self.network.state_dict())
            elif number - best.number >= self.schedule.patience:
                break
        self.network.load_state_dict(best_weights)
        return history

    def _finish(self, data: _Data, order: torch.Generator) -> None:
        """Train on all vectors for a few epochs; the last one is kept."""
        schedule = self.schedule
        rows = torch.cat([data.training, data.validation])
        steps = schedule.finish_epochs * (len(rows) // min(schedule.batch_size, len(rows)))
        optimizer = _descent(
            self.network.parameters(), schedule, FINISH_RATE * schedule.learning_rate
        )
        rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, max(steps, 1))
        for _ in range(schedule.finish_epochs):
            self._pass(data, rows, optimizer, rate, order)

    def _pass(
        self,
        data: _Data,
        rows: Tensor,
        optimizer: torch.optim.Optimizer,
        rate: torch.optim.lr_scheduler.LRScheduler,
        order: torch.Generator,
    ) -> dict[str, float]:
        """Pass over some rows of the data once; return the mean of every term."""
        self.network.train()
        size = min(self.schedule.batch_size, len(rows))
        shuffled = epoch_order(rows, data.weights, order)
        sums: dict[str, float] = {}
        batches = len(shuffled) // size
        for batch in shuffled[: batches * size].split(size):
            terms = self.terms(data.inputs[batch], data.labels[batch])
            take_step(terms, optimizer, rate, sums)
        return {name: total / batches for name, total in sums.items()}

    def _validate(self, data: _Data) -> float:
        """Return the precision at 5 of the validation part among codes of the training part."""
        self.network.eval()
        parts = data.validation, data.training[:MAX_DATABASE]
        with torch.inference_mode():
            query, database = (
                pack(
                    torch.cat([self.network(x) > 0 for x in data.inputs[part].split(4096)]).numpy()
                )
                for part in parts
            )
        # Indexed as tensors: a numpy array indexed by a tensor of one element loses its axis.
        query_labels, database_labels = (data.labels[part].numpy() for part in parts)
        return evaluate_codes(
            query, query_labels, database, database_labels, 8 * query.shape[1]
        ).precision.expected


@dataclass(frozen=True, slots=True)
class _Data:
    inputs: Tensor
    labels: Tensor
    training: Tensor
    validation: Tensor
    weights: Tensor | None


def validation_split(
    y: AnyLabels,
    share: float,
    seed: int,
    most: int = MAX_VALIDATION,
    held_out: Rows | None = None,
) -> tuple[Tensor, Tensor]:
    """Return indices of the validation part, at most ``most`` images, and of the training part.

    The validation part is ``held_out``, or a random part of it if it is too large; by default a
    random share of all.

    Raises
    ------
    DataError
        If either would be too small.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    if held_out is not None:
        inner = np.isin(order, held_out)
        order = np.concatenate([order[inner][:most], order[~inner]])
    count = min(round(share * len(y)) if held_out is None else len(held_out), most)
    if count < 1 or len(order) - count < 5:
        raise DataError(
            f"{len(y)} labeled vectors are too few to hold out a share of {share} for validation, "
            "at least one, and to train on the rest, at least 5. Add images."
        )
    return torch.from_numpy(order[:count]), torch.from_numpy(order[count:])


def sampling_weights(y: AnyLabels, balance: float) -> Tensor | None:
    """Return how often each image is shown relative to others; None if all are shown equally.

    An image with several labels counts toward its rarest one.
    """
    classes = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
    sizes = images_per_class(y, classes)[rarest_label(y)]
    if balance == 0 or sizes.min() == sizes.max():
        return None
    return torch.from_numpy(sizes ** -float(balance))


def epoch_order(training: Tensor, weights: Tensor | None, generator: torch.Generator) -> Tensor:
    """Return the rows of an epoch in random order, as many as ``training`` has.

    With weights, a row that should be shown x times on average appears ⌊x⌋ or ⌈x⌉ times (systematic
    sampling: rows cover intervals of length x on a line, and points at distance 1 with a random
    offset select them).
    """
    shuffled = training[torch.randperm(len(training), generator=generator)]
    if weights is None:
        return shuffled
    ends = weights[shuffled].cumsum(0)
    points = torch.arange(len(ends)) + torch.rand((), generator=generator)
    hit = torch.searchsorted(ends * (len(ends) / ends[-1]), points.double()).clamp_max(
        len(ends) - 1
    )
    return shuffled[hit[torch.randperm(len(hit), generator=generator)]]


def take_step(
    terms: dict[str, tuple[float, Tensor]],
    optimizer: torch.optim.Optimizer,
    rate: torch.optim.lr_scheduler.LRScheduler,
    sums: dict[str, float],
) -> None:
    """Take one gradient step on the weighted terms, and add the terms to ``sums``.

    Raises
    ------
    DataError
        If the loss diverges.
    """
    loss = torch.stack([weight * term for weight, term in terms.values()]).sum()
    if not torch.isfinite(loss):
        raise DataError(
            "Training diverged: the loss is not finite. Lower the learning rate, or the weight of "
            "the largest term."
        )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    rate.step()
    for name, (_, term) in terms.items():
        sums[name] = sums.get(name, 0.0) + term.item()


def make_optimizer(
    parameters: ParamsT, schedule: Schedule, batches: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Return SGD for the parameters and its learning-rate schedule.

    Parameters
    ----------
    parameters : iterable of nn.Parameter, or list of dict
        Groups may have their own ``lr``, the peak, and ``weight_decay``.
    schedule : Schedule
    batches : int
        Steps per epoch.
    """
    optimizer = _descent(parameters, schedule, schedule.learning_rate)
    if schedule.decay == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    # Even of a handful of steps, one goes up and one goes down: OneCycleLR divides by both counts.
    steps = max(schedule.epochs * batches + 1, 4)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=steps,
        pct_start=max(WARM_UP, 2 / steps),
        cycle_momentum=False,
    )


def _descent(parameters: ParamsT, schedule: Schedule, rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        parameters,
        lr=rate,
        momentum=schedule.momentum,
        weight_decay=schedule.weight_decay,
    )
