"""Regularization of a fine-tuning: learning rates by part, mixed batches, averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from hashlens.hashers.networks.heads import LossTerms
from hashlens.hashers.presets import Schedule
from hashlens.training.finetune.tunable import TunableHead


def parameter_groups(
    body: nn.Module, head: nn.Module, schedule: Schedule, body_rate: float
) -> list[dict[str, Any]]:
    """Return an optimizer's groups: the network's own layers, and the head.

    Each has two groups, because biases and batch norms have no weight decay.

    Parameters
    ----------
    body, head : nn.Module
    schedule : Schedule
    body_rate : float
        The body's learning rate relative to the schedule's, which is the head's.
    """
    groups = []
    for part, share in ((body, body_rate), (head, 1.0)):
        rate = share * schedule.learning_rate
        for decays in (True, False):
            parameters = [p for p in part.parameters() if (p.ndim > 1) == decays]
            decay = schedule.weight_decay if decays else 0.0
            groups.append({"params": parameters, "lr": rate, "weight_decay": decay})
    return groups


@dataclass(frozen=True, slots=True)
class Mixture:
    """How a batch is mixed with a permutation of itself.

    Attributes
    ----------
    share : float
        λ, the weight of each image in its mixture; its partner has the rest.
    partners : int64 Tensor of shape (n,)
    """

    share: float
    partners: Tensor

    @classmethod
    def draw(cls, alpha: float, images: int, generator: torch.Generator) -> Self:
        """Return a mixture of a batch of ``images``, λ from Beta(α, α)."""
        # PyTorch can't draw from a Beta distribution with a given generator; numpy can.
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        share = float(np.random.default_rng(seed).beta(alpha, alpha))
        return cls(share, torch.randperm(images, generator=generator))

    def inputs(self, x: Tensor) -> Tensor:
        """Return λ x + (1 − λ) x', where x' are the partners of ``x``."""
        return x[self.partners.to(x.device)].lerp(x, self.share)

    def terms(self, head: TunableHead, features: Tensor, labels: Tensor) -> LossTerms:
        """Return λ times each term for the images' labels plus 1 − λ times it for their partners'.

        Terms without labels are the same for both, and so do not change.
        """
        own = head.terms(features, labels)
        with _statistics_kept(head.network):
            other = head.terms(features, labels[self.partners.to(labels.device)])
        return {
            name: (weight, self.share * term + (1 - self.share) * other[name][1])
            for name, (weight, term) in own.items()
        }


@contextmanager
def _statistics_kept(network: nn.Module) -> Iterator[None]:
    """Keep batch norms from counting a batch twice that passes twice."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def moving_average(network: nn.Module, steps: float) -> AveragedModel:
    """Return the average of a network over its last ``steps`` steps, exponentially weighted.

    During the first ``steps`` steps, it is the plain mean of all so far: the initial weights, a
    random head, do not count.
    """

    def averaged(mean: Tensor, value: Tensor, seen: Tensor | int) -> Tensor:
        # As a tensor: on a GPU, a number would be waited for, once per parameter.
        span = (torch.as_tensor(seen, device=mean.device) + 1).clamp(max=steps)
        return mean + (value - mean) / span

    return AveragedModel(network, avg_fn=averaged, use_buffers=True)
