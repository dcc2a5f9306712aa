"""Who is told what a training does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hashlens.progress import OnMessage, OnProgress, no_message, no_progress

if TYPE_CHECKING:
    from hashlens.hashers.networks.loop import OnEpoch


@dataclass(frozen=True, slots=True)
class Listener:
    """The callbacks of a training.

    Attributes
    ----------
    on_progress : callable
        Called as images are checked and described.
    on_message : callable
        Called with findings and steps, a line of text each.
    on_epoch : callable, optional
        Called after each epoch of a method that trains a network.
    """

    on_progress: OnProgress = no_progress
    on_message: OnMessage = no_message
    on_epoch: OnEpoch | None = None


SILENT = Listener()
