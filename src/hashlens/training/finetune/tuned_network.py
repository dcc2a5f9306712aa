"""A network in tuning: the tuned part of the descriptor, and the hash as its head."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn


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
