"""The autoencoder's configuration: architecture, loss weights, schedule, and the presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeVar

from hashlens.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Architecture:
    """The autoencoder's layers.

    Attributes
    ----------
    descriptor_units : int
        U, the width of the descriptor layer.
    batch_norm : bool
        Whether to normalize the pre-activations of the descriptor layer and the code over the
        batch. Folded into the weights after training.
    steepness : float
        s. With ``batch_norm``, the descriptor starts as σ(s·(z − 1)) of a normalized z: steep and
        off for most inputs, so that descriptors are sparse. Training changes it from there.
    join_trunk : bool
        Whether the encoder also sees the trunk's features.
    tied : bool
        Whether the decoder's weights are the encoder's, transposed.
    head : {"linear", "cosine"}
        The softmax head: W c + b of c = 2h − 1; or scale · (cos(c, w_j) − margin · [j = label]),
        which separates classes by an angle and thus by bits.
    scale, margin : float
        Parameters of the cosine head.
    free_share : float
        Share of the bits, the last ones, that no network is trained for. They are
        `whitened_directions` and carry what the training classes do not tell. Rounded down to a
        multiple of 8; at least 8 bits are trained. In [0, 1].
    """

    descriptor_units: int = 1024
    batch_norm: bool = True
    steepness: float = 4.0
    join_trunk: bool = False
    tied: bool = True
    head: Literal["linear", "cosine"] = "cosine"
    scale: float = 8.0
    margin: float = 0.4
    free_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """The weight of every term of the loss; 0 leaves a term out.

    Attributes
    ----------
    nll : float
        α of the labels' negative log-likelihood (12).
    reconstruction : float
        α of ‖f − f'‖² (7, 8).
    penalty : float
        λ of ‖W‖_p^p (9, 10) over all weight matrices, in addition to the schedule's weight decay.
    p : int
        1 or 2 (11).
    balance, decorrelation, quantization : float
        Weights of the paper's constraints on codes.
    distillation : float
        Weight of preserving the relations between descriptors, which helps with unseen classes.
    """

    nll: float = 1.0
    reconstruction: float = 0.0
    penalty: float = 0.0
    p: int = 2
    balance: float = 0.0
    decorrelation: float = 0.0
    quantization: float = 0.0
    distillation: float = 0.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a network is trained: SGD with momentum in mini-batches.

    Attributes
    ----------
    epochs : int
        Maximum number of epochs; early stopping may end training sooner.
    batch_size : int
        An upper limit when a network is fine-tuned on fewer than 4,096 images.
    learning_rate : float
        The peak if ``decay`` is "one-cycle".
    momentum : float
    weight_decay : float
        L2 penalty in SGD: on all parameters, but not on biases and batch norms when a network is
        fine-tuned.
    decay : {"one-cycle", "constant"}
        Learning-rate schedule. One-cycle rises for a sixth of the steps, then falls to nearly zero
        along a cosine.
    patience : int
        Training stops after this many epochs without a better validation precision at 5. When a
        network is fine-tuned, this applies to a constant rate only.
    validation_share : float
        Share of the training vectors held out to choose the epoch; at most 5,000, or 1,000 when a
        network is fine-tuned.
    finish_epochs : int
        Epochs over all vectors, including the validation set, after the best epoch, with a learning
        rate that falls linearly to 0. Images seen in training get more confident codes than others,
        so a database of training images should contain no others.
    balance : float
        How strongly class sizes are evened out, from 0 to 1: an image is drawn in proportion to
        n^−balance, n being the number of images of its class. 1 shows every class equally often, 0
        every image. Has no effect if all classes have the same size.
    """

    epochs: int = 16
    batch_size: int = 256
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    decay: Literal["one-cycle", "constant"] = "one-cycle"
    patience: int = 8
    validation_share: float = 0.1
    finish_epochs: int = 3
    balance: float = 0.75


@dataclass(frozen=True, slots=True)
class Preset:
    """A complete configuration of the autoencoder."""

    architecture: Architecture = field(default_factory=Architecture)
    terms: Terms = field(default_factory=Terms)
    schedule: Schedule = field(default_factory=Schedule)


PRESETS: dict[str, Preset] = {
    "default": Preset(terms=Terms(reconstruction=1e-3, quantization=0.5)),
    "general": Preset(Architecture(free_share=0.7), Terms(reconstruction=1e-3, quantization=0.5)),
    "paper": Preset(
        Architecture(
            descriptor_units=4096, batch_norm=False, join_trunk=True, tied=True, head="linear"
        ),
        Terms(nll=1.0, reconstruction=1.0),
        Schedule(epochs=15, learning_rate=0.01, decay="constant", patience=5, finish_epochs=0),
    ),
}
"""``paper`` is the configuration as published. ``default`` and ``general`` were chosen on parts of
the training set of CIFAR-100; docs/reproduction.md says how they differ. ``general`` gives up a
point or two on the training classes for codes that also serve other classes."""

Config = TypeVar("Config", Architecture, Terms, Schedule)


def resolve_preset(
    name: str,
    architecture: Mapping[str, Any] | None = None,
    terms: Mapping[str, Any] | None = None,
    schedule: Mapping[str, Any] | None = None,
) -> Preset:
    """Return a preset with some of its fields changed.

    Raises
    ------
    ParameterError
        If there is no such preset or field, or a value is out of range.

    Examples
    --------
    >>> resolve_preset("default", terms={"reconstruction": 0.5}).terms.reconstruction
    0.5
    """
    if name not in PRESETS:
        raise ParameterError(
            f"The 'preset' parameter of AutoencoderHasher must be one of {', '.join(PRESETS)}. "
            f"Got {name!r} instead."
        )
    preset = Preset(
        changed(PRESETS[name].architecture, architecture),
        changed(PRESETS[name].terms, terms),
        changed(PRESETS[name].schedule, schedule),
    )
    _check_architecture(preset.architecture)
    _check_terms(preset.terms)
    check_schedule(preset.schedule)
    return preset


def changed(config: Config, overrides: Mapping[str, Any] | None) -> Config:
    """Return ``config`` with some fields replaced; an unknown field is a ParameterError."""
    names = [f.name for f in fields(config)]
    for name in overrides or {}:
        if name not in names:
            raise ParameterError(
                f"{type(config).__name__} has no field {name!r}. It has: {', '.join(names)}."
            )
    return replace(config, **(overrides or {}))


def check_schedule(schedule: Schedule) -> None:
    """Check the fields of a schedule.

    Raises
    ------
    ParameterError
        If one is out of range.
    """
    _check(
        schedule,
        epochs=(schedule.epochs >= 1, "at least 1"),
        batch_size=(schedule.batch_size >= 2, "at least 2"),
        learning_rate=(schedule.learning_rate > 0, "above 0"),
        momentum=(0 <= schedule.momentum < 1, "in [0, 1)"),
        weight_decay=(schedule.weight_decay >= 0, "at least 0"),
        decay=(schedule.decay in ("one-cycle", "constant"), "'one-cycle' or 'constant'"),
        patience=(schedule.patience >= 1, "at least 1"),
        validation_share=(0 < schedule.validation_share < 1, "in (0, 1)"),
        finish_epochs=(schedule.finish_epochs >= 0, "at least 0"),
        balance=(0 <= schedule.balance <= 1, "in [0, 1]"),
    )


def _check_architecture(architecture: Architecture) -> None:
    _check(
        architecture,
        descriptor_units=(architecture.descriptor_units >= 1, "at least 1"),
        head=(architecture.head in ("linear", "cosine"), "'linear' or 'cosine'"),
        scale=(architecture.scale > 0, "above 0"),
        margin=(0 <= architecture.margin < 2, "in [0, 2)"),
        free_share=(0 <= architecture.free_share <= 1, "in [0, 1]"),
    )


def _check_terms(terms: Terms) -> None:
    weights = [f.name for f in fields(terms) if f.name != "p"]
    _check(terms, p=(terms.p in (1, 2), "1 or 2"))
    _check(terms, **{name: (getattr(terms, name) >= 0, "at least 0") for name in weights})
    if not any(getattr(terms, name) for name in weights):
        raise ParameterError("At least one weight of the autoencoder's Terms must be above 0.")


def _check(config: Any, **rules: tuple[bool, str]) -> None:
    for name, (fine, expected) in rules.items():
        if not fine:
            raise ParameterError(
                f"The {name!r} field of {type(config).__name__} must be {expected}. "
                f"Got {getattr(config, name)!r} instead."
            )
