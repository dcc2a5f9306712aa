"""The heads that a network is fine-tuned under, and the hashers that they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hashlens.codes import check_bits
from hashlens.errors import ParameterError
from hashlens.hashers.base import Hasher
from hashlens.hashers.methods.autoencoder import AutoencoderHasher
from hashlens.hashers.methods.codebook import CodebookHasher
from hashlens.hashers.networks.autoencoder_network import Autoencoder, AutoencoderLoss, folded
from hashlens.hashers.networks.heads import CodewordLoss, codebook_arrays, codebook_network
from hashlens.hashers.networks.loop import LossFunction
from hashlens.hashers.presets import Schedule, changed, check_schedule, resolve_preset
from hashlens.hashers.registry import create_hasher

TUNING = Schedule(epochs=10, batch_size=128, learning_rate=0.05, patience=6, finish_epochs=0)
"""Where the hasher's ``schedule`` says nothing else. An epoch costs minutes, so there are few.
``patience`` counts where ``decay`` is "constant": a cycle is gone through to its end."""


@dataclass(frozen=True, slots=True)
class TunableHead:
    """A head in training.

    Attributes
    ----------
    network : nn.Module
        From features, (n, D), to what is thresholded at zero, (n, bits).
    terms : callable
        The loss terms of a batch of features and labels.
    schedule : Schedule
    finish : callable
        Puts the trained arrays into the hasher; the network is on the CPU then.
    """

    network: nn.Module
    terms: LossFunction
    schedule: Schedule
    finish: Callable[[], None]


def create_tunable(name: str, bits: int = 64, **params: Any) -> Hasher:
    """Return an unfitted hasher for a network to be tuned under.

    Without ``hidden`` among the parameters, the code is a linear function of the network's
    features: hidden layers between the two memorize the training images.

    Parameters
    ----------
    name : str
        A key of `hashlens.hashers.METHODS`.
    bits : int
    **params
        Further parameters of the method.

    Raises
    ------
    ParameterError
        If no network can be tuned under the method, or a parameter is out of range.
    """
    hasher = create_hasher(name, bits, **params)
    if "hidden" in hasher.get_params():
        hasher.set_params(hidden=params.get("hidden", 0))
    check_tunable(hasher)
    return hasher


def tunable_head(hasher: Hasher, width: int, classes: int, scale: float) -> TunableHead:
    """Return the head whose trained form is a hasher, not fitted yet.

    Parameters
    ----------
    hasher : CodebookHasher or AutoencoderHasher
    width : int
        Length D of features.
    classes : int
    scale : float
        The head in training gets features divided by this.

    Raises
    ------
    ParameterError
        If the method can't train a network below it, or a parameter is out of range.
    """
    schedule = check_tunable(hasher)
    if isinstance(hasher, CodebookHasher):
        return _codebook(hasher, schedule, width, classes, scale)
    assert isinstance(hasher, AutoencoderHasher)
    return _autoencoder(hasher, schedule, width, classes, scale)


def check_tunable(hasher: Hasher) -> Schedule:
    """Return the schedule by which a network is tuned under a hasher.

    Raises
    ------
    ParameterError
        If the method can't train a network below it, or a parameter is out of range.
    """
    check_bits(hasher.bits, type(hasher).__name__)
    if isinstance(hasher, CodebookHasher):
        hasher.check_parameters()
    elif isinstance(hasher, AutoencoderHasher):
        preset = resolve_preset(hasher.preset, hasher.architecture, hasher.terms)
        fixed = {
            "distillation": preset.terms.distillation,
            "free_share": preset.architecture.free_share,
        }
        for name, value in fixed.items():
            if value:
                raise ParameterError(
                    f"{name!r} needs a descriptor that stays as it is. Expected 0, or --tune head, "
                    f"as a network changes while it is fine-tuned. Got {value}."
                )
    else:
        raise ParameterError(
            "A network is fine-tuned with the method 'codebook' or 'autoencoder'. "
            f"Got {hasher.name!r} instead; train it on the descriptor as it is with --tune head."
        )
    return _schedule(hasher.schedule)


def _codebook(
    hasher: CodebookHasher, schedule: Schedule, width: int, classes: int, scale: float
) -> TunableHead:
    hasher.codewords_ = hasher.choose_codewords(classes)
    network = codebook_network(width, hasher.hidden, hasher.bits, hasher.random_state)
    loss = CodewordLoss(hasher.codewords_, hasher.loss, hasher.scale, hasher.margin)

    def terms(x: Tensor, labels: Tensor) -> dict[str, tuple[float, Tensor]]:
        loss.codewords = loss.codewords.to(x.device)
        return {"codeword": (1.0, loss(network(x), labels))}

    def finish() -> None:
        _set(hasher, codebook_arrays(network, np.zeros(width, np.float32), scale), width)

    return TunableHead(network, terms, schedule, finish)


def _autoencoder(
    hasher: AutoencoderHasher, schedule: Schedule, width: int, classes: int, scale: float
) -> TunableHead:
    preset = resolve_preset(hasher.preset, hasher.architecture, hasher.terms)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(hasher.random_state)
        network = Autoencoder(width, classes, hasher.bits, preset.architecture)

    def finish() -> None:
        arrays = folded(network, np.zeros(width, np.float32), scale)
        _set(hasher, {f"{name}_": array for name, array in arrays.items()}, width)

    terms = AutoencoderLoss(network, preset.terms)
    return TunableHead(network, terms, schedule, finish)


def _schedule(overrides: Any) -> Schedule:
    schedule = changed(replace(TUNING), overrides)
    check_schedule(schedule)
    if schedule.finish_epochs:
        raise ParameterError(
            "A network that is fine-tuned is not finished on the validation part. Expected a "
            f"'finish_epochs' field of 0. Got {schedule.finish_epochs}."
        )
    return schedule


def _set(hasher: Hasher, arrays: dict[str, npt.NDArray[np.float32]], width: int) -> None:
    for name, array in arrays.items():
        setattr(hasher, name, array)
    hasher.n_features_in_ = width
