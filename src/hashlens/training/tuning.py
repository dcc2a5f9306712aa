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

from hashlens.codes import pack
from hashlens.evaluation import evaluate_codes
from hashlens.hashers.deep.loop import (
    Epoch,
    OnEpoch,
    epoch_order,
    make_optimiser,
    sampling_weights,
    take_step,
    validation_split,
)
from hashlens.hashers.deep.tuning import TunableHead
from hashlens.labels import AnyLabels
from hashlens.training.activations import Inputs
from hashlens.training.checkpoints import read_checkpoint, write_checkpoint

MAX_VALIDATION = 1_000
"""Images that are held out. A head ends its training on all images, a network does not; and images
that were not trained on are coded less surely."""

MAX_DATABASE = 10_000
"""Training images that validation searches: enough to choose an epoch by, and quick."""


class TunedNetwork(nn.Module):
    """The tuned part and the head on it.

    Parameters
    ----------
    suffix : nn.Module
    head : nn.Module
    normalise : callable
        From the suffix's features to the head's input.
    """

    def __init__(
        self, suffix: nn.Module, head: nn.Module, normalise: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.suffix, self.head, self.normalise = suffix, head, normalise

    def features(self, x: Tensor) -> Tensor:
        """Return the head's input, (n, D)."""
        return self.normalise(self.suffix(x).float())

    def forward(self, x: Tensor) -> Tensor:
        """Return what is thresholded at zero, (n, bits)."""
        out: Tensor = self.head(self.features(x))
        return out


@dataclass(slots=True)
class _Course:
    """What changes from step to step beside the network, and the best epoch so far."""

    batch_size: int
    optimiser: torch.optim.Optimizer
    rate: torch.optim.lr_scheduler.LRScheduler
    order: torch.Generator
    best: dict[str, Any] = field(default_factory=lambda: {"number": 0, "top5": -1.0, "weights": {}})


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
        Of the validation part, the order of batches and the flips.
    device : torch.device
    checkpoint : Path, optional
        Written after every epoch.
    facts : str
        Digest of all that decides the outcome; a checkpoint of other facts is refused.
    on_epoch : callable, optional
    history : list of Epoch
    """

    network: TunedNetwork
    head: TunableHead
    inputs: Inputs
    labels: AnyLabels
    seed: int
    device: torch.device
    checkpoint: Path | None = None
    facts: str = ""
    on_epoch: OnEpoch | None = None
    history: list[Epoch] = field(default_factory=list)

    def run(self) -> list[Epoch]:
        """Train, leave the best epoch's weights in the network, and return the history.

        Where there is a checkpoint, training goes on from it.

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
            losses = self._pass(training, course)
            top5 = self._validate(validation, training[:MAX_DATABASE])
            number = len(self.history) + 1
            self.history.append(
                Epoch(number, schedule.epochs, losses, top5, time.monotonic() - began)
            )
            if top5 > course.best["top5"]:
                weights = copy.deepcopy(self.network.state_dict())
                course.best = {"number": number, "top5": top5, "weights": weights}
            self._save(course)
            if self.on_epoch is not None:
                self.on_epoch(self.history[-1])
        self.network.load_state_dict(course.best["weights"])
        self.network.cpu().eval()
        return self.history

    def _begin(self, images: int) -> _Course:
        """Return the course at its beginning, or where the checkpoint left it."""
        schedule = self.head.schedule
        size = min(schedule.batch_size, images)
        optimiser, rate = make_optimiser(self.network, schedule, images // size)
        order = torch.Generator().manual_seed(self.seed)
        course = _Course(size, optimiser, rate, order)
        if self.checkpoint is not None and self.checkpoint.is_file():
            self._restore(course)
        return course

    def _is_done(self, course: _Course) -> bool:
        done = len(self.history)
        schedule = self.head.schedule
        return done >= schedule.epochs or done - course.best["number"] >= schedule.patience

    def _pass(self, training: npt.NDArray[np.int64], course: _Course) -> dict[str, float]:
        """Go through the training part once; return the mean of every term."""
        self.network.train()
        weights = sampling_weights(self.labels, self.head.schedule.balance)
        shuffled = epoch_order(torch.from_numpy(training), weights, course.order).numpy()
        flips = torch.randint(2, (len(training),), generator=course.order).bool().numpy()
        sums: dict[str, float] = {}
        size = course.batch_size
        batches = len(shuffled) // size
        for start in range(0, batches * size, size):
            rows = shuffled[start : start + size]
            x = self._gather(rows, flips[start : start + size])
            labels = torch.from_numpy(self.labels[rows]).to(self.device)
            with self._autocast():
                features = self.network.features(x)
            take_step(self.head.terms(features, labels), course.optimiser, course.rate, sums)
        return {name: total / batches for name, total in sums.items()}

    def _gather(self, rows: npt.NDArray[np.int64], flips: npt.NDArray[np.bool_]) -> Tensor:
        x = self.inputs.gather(rows, flips)
        return x.to(self.device, memory_format=torch.channels_last)

    def _autocast(self) -> torch.autocast:
        """Mixed precision in bfloat16, which needs no scaling of the loss, on GPUs alone."""
        kind = self.device.type
        wanted = kind == "mps" or (kind == "cuda" and torch.cuda.is_bf16_supported())
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=wanted)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def project(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return what is thresholded at zero for some images, float32 (n, bits)."""
        self.network.eval()
        parts = []
        for start in range(0, len(rows), 256):
            some = rows[start : start + 256]
            x = self._gather(some, np.zeros(len(some), bool))
            parts.append(self.network(x).float().cpu().numpy())
        return np.concatenate(parts)

    def _validate(self, queries: npt.NDArray[np.int64], database: npt.NDArray[np.int64]) -> float:
        asked, held = (pack(self.project(rows) > 0) for rows in (queries, database))
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
            "optimiser": course.optimiser.state_dict(),
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
        course.optimiser.load_state_dict(state["optimiser"])
        course.rate.load_state_dict(state["rate"])
        course.order.set_state(state["order"])
        torch.set_rng_state(state["torch"])
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        course.best = state["best"]
