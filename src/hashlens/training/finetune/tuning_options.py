"""Which part of a network is tuned, how, and where the work is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hashlens.errors import ParameterError


@dataclass(frozen=True, slots=True)
class Regularization:
    """What keeps a network from memorizing its training images.

    Attributes
    ----------
    body_rate : float
        Learning rate of the network's own layers, relative to the head's, which is the schedule's.
    mixup : float
        α of the distribution Beta(α, α) from which each batch draws a λ. The batch is mixed with a
        permutation of itself, λ to 1 − λ, and so are the losses for the labels of both. 0 turns it
        off.
    average : float
        The model is an exponential moving average of the weights and of batch norms' statistics
        over about this share of all steps, in [0, 1). 0 turns it off.

    Raises
    ------
    ParameterError
        If a value is out of range.

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: beyond empirical risk minimization",
    ICLR 2018. B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by
    averaging", SIAM J. Control Optim. 30, 1992; the average here is exponential.
    """

    body_rate: float = 0.3
    mixup: float = 0.3
    average: float = 0.0

    def __post_init__(self) -> None:
        for name, fine, expected in (
            ("body_rate", self.body_rate > 0, "above 0"),
            ("mixup", self.mixup >= 0, "at least 0"),
            ("average", 0 <= self.average < 1, "in [0, 1)"),
        ):
            if not fine:
                raise ParameterError(
                    f"The {name!r} field of Regularization must be {expected}. "
                    f"Got {getattr(self, name)!r} instead."
                )


@dataclass(frozen=True, slots=True)
class TuningOptions:
    """Which part of a network is tuned, and how.

    Attributes
    ----------
    tune : {"last", "all"}
        The last blocks, on cached activations of the others, or the whole network, on images.
    blocks : int, optional
        Number of blocks that "last" tunes; by default half of them.
    crops : int
        Random crops per image, half of them mirrored, each trained on as often as the image itself.
        "all" draws new ones each time, with the same total frequency.
    protocol : {"standard", "heldout", "unseen"}
    split_seed : int
        Seed of the protocol's split.
    seed : int
        Seed of the validation part, the order of batches, the views and the mixtures.
    device : str, optional
        As PyTorch names it; by default CUDA, else MPS, else the CPU.
    regularization : Regularization

    Raises
    ------
    ParameterError
        If the number of crops is negative.
    """

    tune: Literal["last", "all"] = "last"
    blocks: int | None = None
    crops: int = 4
    protocol: str = "standard"
    split_seed: int = 0
    seed: int = 0
    device: str | None = None
    regularization: Regularization = field(default_factory=Regularization)

    def __post_init__(self) -> None:
        if self.crops < 0:
            raise ParameterError(
                "The 'crops' field of TuningOptions must be at least 0. "
                f"Got {self.crops!r} instead."
            )


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a fine-tuning keeps what it resumes from.

    Attributes
    ----------
    folder : Path
        For the checkpoint and the exported network; `Model.save` copies the latter.
    cache : Path
        Folder of descriptor caches.
    """

    folder: Path
    cache: Path

    @property
    def checkpoint(self) -> Path:
        """The file that an interrupted training resumes from."""
        return self.folder / "checkpoint.pt"
