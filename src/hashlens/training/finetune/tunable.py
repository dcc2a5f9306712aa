"""The heads under which a network is fine-tuned, and the hashers that they become."""

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
"""The default schedule; the hasher's ``schedule`` overrides its fields. There are few epochs,
because each takes minutes. ``patience`` applies only if ``decay`` is "constant"."""


@dataclass(frozen=True, slots=True)
class TunableHead:
    """A head in training.

    Attributes
    ----------
    network : nn.Module
        From features, (n, D), to real-valued codes, (n, bits).
    terms : callable
        The loss terms of a batch of features and labels.
    schedule : Schedule
    finish : callable
        Moves the trained arrays into the hasher; by then, the network is on the CPU.
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
    """Return the head that becomes a hasher when it is trained.

    Parameters
    ----------
    hasher : CodebookHasher or AutoencoderHasher
        Not fitted yet.
    width : int
        Length D of the features.
    classes : int
    scale : float
        The features are divided by this before the head gets them.

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
    """Return the schedule for tuning a network under a hasher, if that is possible.

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
                    f"{name!r} needs a descriptor that does not change, so it must be 0 while the "
                    f"network is fine-tuned. Got {value}. Or train with tune='head'."
                )
    else:
        raise ParameterError(
            "A network is fine-tuned with the method 'codebook' or 'autoencoder'. "
            f"Got {hasher.name!r} instead; train it on the unchanged descriptor with tune='head'."
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
            "A fine-tuned network is not trained on the validation part at the end. Expected a "
            f"'finish_epochs' field of 0. Got {schedule.finish_epochs}."
        )
    return schedule


def _set(hasher: Hasher, arrays: dict[str, npt.NDArray[np.float32]], width: int) -> None:
    for name, array in arrays.items():
        setattr(hasher, name, array)
    hasher.n_features_in_ = width
