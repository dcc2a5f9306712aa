"""What a benchmark measures: lengths, methods, protocols, seeds and the budget for tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hashlens.benchmark.method_presets import choose_presets
from hashlens.benchmark.selection import Budget
from hashlens.codes import check_bits
from hashlens.datasets.protocols import PROTOCOLS
from hashlens.errors import ParameterError


@dataclass(frozen=True)
class Settings:
    """What a benchmark measures.

    Attributes
    ----------
    bits : sequence of int
    methods : sequence of str
        As for `choose_presets`.
    protocols : sequence of str
    seeds : int
        Fits per cell on `standard`. The other protocols have as many if a fit takes less than
        ``repeat_below_seconds``, otherwise one.
    split_seed : int
        Seed of the parts of `heldout` and `unseen`, the same for every method and seed.
    budget : Budget
        Tuning happens at the length in ``bits`` that is nearest to the budget's; see `tuning`.
    repeat_below_seconds : float

    Raises
    ------
    ParameterError
        If there is nothing to measure or a name or length is unknown.
    """

    bits: Sequence[int] = (32, 48, 64, 128)
    methods: Sequence[str] = ("all",)
    protocols: Sequence[str] = PROTOCOLS
    seeds: int = 3
    split_seed: int = 0
    budget: Budget = field(default_factory=Budget)
    repeat_below_seconds: float = 30.0

    def __post_init__(self) -> None:
        for bits in self.bits:
            check_bits(bits, "a benchmark")
        choose_presets(self.methods)
        unknown = [name for name in self.protocols if name not in PROTOCOLS]
        if unknown or not self.protocols or not self.bits:
            raise ParameterError(
                "A benchmark needs at least one code length and one protocol of "
                f"{', '.join(PROTOCOLS)}. Got bits {list(self.bits)} and "
                f"protocols {list(self.protocols)}."
            )
        if self.seeds < 1 or self.budget.candidates < 1:
            raise ParameterError(
                "A benchmark needs at least one seed and one candidate. "
                f"Got {self.seeds} seeds and {self.budget.candidates} candidates."
            )

    @property
    def tuning(self) -> Budget:
        """The budget, at a code length that is measured."""
        nearest = min(self.bits, key=lambda bits: (abs(bits - self.budget.bits), bits))
        return replace(self.budget, bits=nearest)
