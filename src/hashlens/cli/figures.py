"""The figures of epochs and evaluations, as `train` and `evaluate` print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hashlens.cli.console import note, show

if TYPE_CHECKING:
    from hashlens.hashers.networks.loop import Epoch


def print_figures(figures: dict[str, Any]) -> None:
    """Print precision, mAP and the statistics of the codes on stdout."""
    precision, low, high, mean = (
        _percent(figures[name])
        for name in ("precision_at_5", "precision_at_5_low", "precision_at_5_high", "map")
    )
    codes = figures["codes"]
    correlation = codes["bit_correlation"]
    show(figures["split"])
    show(f"precision@5 {precision:>6} %  (ties in the worst order {low}, in the best {high})")
    show(f"mAP         {mean:>6} %")
    show(
        f"codes       {figures['bits']} bits, {codes['unique_codes_per_thousand']:.0f} distinct "
        f"per thousand images, imbalance {codes['bit_imbalance']:.3f}, "
        f"correlation {'–' if correlation is None else f'{correlation:.3f}'}"
    )


def print_epoch(epoch: Epoch) -> None:
    """Print the losses and the validation precision of an epoch on stderr."""
    terms = "  ".join(f"{name} {value:.4f}" for name, value in epoch.losses.items())
    note(
        f"epoch {epoch.number:3}/{epoch.epochs}  validation precision@5 "
        f"{100 * epoch.precision_at_5:6.2f} %  {terms}  {epoch.seconds:.0f} s"
    )


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f}"
