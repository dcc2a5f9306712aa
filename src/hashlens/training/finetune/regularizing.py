"""Steps of a fine-tuning that is held back: rates of its parts, mixed batches, averaged weights."""

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

    Of each there are two, for biases and batch norms do not decay.

    Parameters
    ----------
    body, head : nn.Module
    schedule : Schedule
    body_rate : float
        The body's learning rate as a share of the schedule's, which is the head's.
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
    """What a batch is mixed with: itself in another order.

    Attributes
    ----------
    share : float
        λ, of each image in its mixture; its partner has the rest.
    partners : int64 Tensor of shape (n,)
    """

    share: float
    partners: Tensor

    @classmethod
    def draw(cls, alpha: float, images: int, generator: torch.Generator) -> Self:
        """Return a mixture of a batch of ``images``, λ from Beta(α, α)."""
        # PyTorch draws from no Beta distribution by a generator of one's own; numpy does.
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        share = float(np.random.default_rng(seed).beta(alpha, alpha))
        return cls(share, torch.randperm(images, generator=generator))

    def inputs(self, x: Tensor) -> Tensor:
        """Return λ x + (1 − λ) x', x' the partners of ``x``."""
        return x[self.partners.to(x.device)].lerp(x, self.share)

    def terms(self, head: TunableHead, features: Tensor, labels: Tensor) -> LossTerms:
        """Return λ of each term with an image's labels, and 1 − λ of it with its partner's.

        Terms without labels are the same both times, and so stay what they are.
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
    """Batch norms would count a batch twice that passes twice."""
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

    Until there were so many, it is the plain mean of all: what training began from, a head of
    random weights, has no part in it.
    """

    def averaged(mean: Tensor, value: Tensor, seen: Tensor | int) -> Tensor:
        # As a tensor: a number would have to be waited for, once a parameter, on a GPU.
        span = (torch.as_tensor(seen, device=mean.device) + 1).clamp(max=steps)
        return mean + (value - mean) / span

    return AveragedModel(network, avg_fn=averaged, use_buffers=True)
