"""Figures of a benchmark for a paper or a page, as PNG and as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.benchmark.quoted import BITS, PROPOSED, QUOTED_DATASET, printed_precision_at_5
from hashlens.benchmark.summary import Cell
from hashlens.errors import MissingExtraError
from hashlens.hashers import METHODS

STYLE: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    # Text stays text in the SVG, and equal data gives an equal file.
    "svg.fonttype": "none",
    "svg.hashsalt": "hashlens",
}
COLORS = (
    "tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink",
    "tab:gray", "tab:olive", "tab:cyan", "navy", "goldenrod", "black", "crimson",
)  # fmt: skip
MARKERS = "osD^v<>phX*Pd8"
STATISTICS: tuple[tuple[str, str], ...] = (
    ("bit_imbalance", "bit imbalance |share of ones − ½|"),
    ("bit_correlation", "mean |correlation| between bits"),
    ("unique_codes_per_thousand", "unique codes per 1,000 items"),
    ("linear_reconstruction_error", "variance not reconstructed"),
)


def save_plots(
    found: Sequence[Cell], baselines: Sequence[dict[str, Any]], out: Path, dataset: str
) -> list[Path]:
    """Draw all figures of each protocol in ``found``; return the files written.

    Parameters
    ----------
    found : sequence of Cell
        Their rows hold the curves over radii.
    baselines : sequence of dict
    out : Path
    dataset : str
        For titles and file names.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    try:
        import matplotlib

        # Before pyplot is imported: draw to files, with or without a display.
        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtraError("Plots of a benchmark", "matplotlib", "bench") from error

    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    with pyplot.rc_context(STYLE):
        for protocol in dict.fromkeys(cell.protocol for cell in found):
            here = [cell for cell in found if cell.protocol == protocol]
            lines = [row for row in baselines if row["protocol"] == protocol]
            for name, figure in (
                ("precision-at-5", _precision_at_5(pyplot, here, lines, f"{dataset}, {protocol}")),
                ("precision-recall", _curves(pyplot, here, protocol, _draw_precision_recall)),
                ("precision-radius", _curves(pyplot, here, protocol, _draw_precision_radius)),
                ("bit-statistics", _bit_statistics(pyplot, here, protocol)),
            ):
                for suffix in ("png", "svg"):
                    path = out / f"{dataset}-{name}-{protocol}.{suffix}"
                    metadata = {"Date": None} if suffix == "svg" else None
                    figure.savefig(path, bbox_inches="tight", metadata=metadata)
                    written.append(path)
                pyplot.close(figure)
    return written


def _look(cell: Cell) -> dict[str, Any]:
    """Return the color, marker and dash of a method, which are the same in every figure.

    Supervised methods are solid, unsupervised ones dashed, presets other than the default dotted.
    """
    place = list(METHODS).index(cell.method)
    dash = ":" if cell.label != cell.method else "-" if cell.supervised else "--"
    return {
        "color": "black" if cell.method == PROPOSED else COLORS[place % len(COLORS)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": dash,
        "label": cell.label,
    }


def _by_label(found: Sequence[Cell]) -> dict[str, list[Cell]]:
    groups: dict[str, list[Cell]] = {}
    for cell in found:
        groups.setdefault(cell.label, []).append(cell)
    return groups


def _precision_at_5(
    pyplot: Any, found: Sequence[Cell], baselines: Sequence[dict[str, Any]], title: str
) -> Any:
    figure, axes = pyplot.subplots(figsize=(6.2, 4.6), layout="constrained")
    lengths = sorted({cell.bits for cell in found})
    for group in _by_label(found).values():
        spreads = [
            (cell.bits, spread) for cell in group if (spread := cell.spread("precision_at_5"))
        ]
        axes.errorbar(
            [bits for bits, _ in spreads],
            [100 * spread.mean for _, spread in spreads],
            [100 * (spread.deviation or 0) for _, spread in spreads],
            capsize=2,
            **_look(group[0]),
        )
    for row, dash in zip(baselines, ("-", "--", "-."), strict=False):
        value = row.get("precision_at_5", row.get("accuracy"))
        if value is not None:
            axes.axhline(100 * value, color="0.55", linestyle=dash, linewidth=0.9, zorder=0)
            axes.annotate(
                row["baseline"], (lengths[-1], 100 * value), color="0.4", fontsize=7,
                ha="right", va="bottom",
            )  # fmt: skip
    quoted = [(bits, printed_precision_at_5(PROPOSED, bits)) for bits in lengths if bits in BITS]
    if title == f"{QUOTED_DATASET}, standard" and quoted:
        axes.plot(
            *zip(*((bits, 100 * (share or 0)) for bits, share in quoted), strict=True),
            color="0.6", linestyle="none", marker="x", label="paper's Proposed (quoted)",
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(bits) for bits in lengths])
    axes.minorticks_off()
    axes.set(xlabel="bits", ylabel="precision at 5, %", title=title)
    _legend(figure, axes)
    return figure


def _curves(
    pyplot: Any,
    found: Sequence[Cell],
    protocol: str,
    draw: Callable[[Any, dict[str, Any], dict[str, Any]], None],
) -> Any:
    """Return a panel per code length, with a curve per method: that of its first seed."""
    lengths = sorted({cell.bits for cell in found})
    columns = min(2, len(lengths))
    lines = -(-len(lengths) // columns)
    figure, grid = pyplot.subplots(
        lines, columns, figsize=(3.6 * columns, 2.9 * lines), squeeze=False, layout="constrained"
    )
    for axes in grid.flat[len(lengths) :]:
        axes.set_visible(False)
    for axes, bits in zip(grid.flat, lengths, strict=False):
        for cell in found:
            curves = cell.rows[0].get("curves")
            if cell.bits == bits and curves:
                look = {**_look(cell), "marker": None}
                draw(axes, curves, look)
        axes.set_title(f"{protocol}, {bits} bits")
    _legend(figure, grid.flat[0])
    return figure


def _draw_precision_recall(axes: Any, curves: dict[str, Any], look: dict[str, Any]) -> None:
    precision = np.array(curves["precision_of_found"], dtype=float)
    axes.plot(curves["recall"], precision, **look)
    axes.set(xlabel="recall", ylabel="precision (pooled)", xlim=(0, 1), ylim=(0, 1))


def _draw_precision_radius(axes: Any, curves: dict[str, Any], look: dict[str, Any]) -> None:
    axes.plot(curves["precision"], **look)
    axes.set(xlabel="Hamming radius, bits", ylabel="precision (empty = 0)", ylim=(0, 1))
    axes.set_xlim(0, (len(curves["precision"]) - 1) // 2)


def _bit_statistics(pyplot: Any, found: Sequence[Cell], protocol: str) -> Any:
    figure, grid = pyplot.subplots(2, 2, figsize=(7.2, 5.6), layout="constrained")
    lengths = sorted({cell.bits for cell in found})
    own = [cell for cell in found if cell.rows[0].get("distance", "hamming") == "hamming"]
    for axes, (figure_name, title) in zip(grid.flat, STATISTICS, strict=True):
        for group in _by_label(own).values():
            spreads = [(c.bits, s.mean) for c in group if (s := c.spread(figure_name))]
            if spreads:
                axes.plot(*zip(*spreads, strict=True), **_look(group[0]))
        axes.set_xscale("log", base=2)
        axes.set_xticks(lengths, [str(bits) for bits in lengths])
        axes.minorticks_off()
        axes.set(xlabel="bits", title=title)
        axes.title.set_fontsize(9)
    figure.suptitle(f"Codes of the database, {protocol}")
    _legend(figure, grid.flat[0])
    return figure


def _legend(figure: Any, axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
