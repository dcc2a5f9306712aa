"""The page and the figure of the fine-tuning benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot

from hashlens.benchmark.plots import STYLE

Row = dict[str, Any]
NAMES = {"last": "tuned", "head": "head"}


def write_report(rows: list[Row], out: Path) -> None:
    """Write a Markdown page and, beside it, the figure that it shows.

    Parameters
    ----------
    rows : list of dict
        Rows of a single seed and a single way to tune.
    out : Path
        The page.
    """
    picture = out.with_suffix(".png")
    _plot(rows, picture)
    machine = rows[0]["machine"]
    commits = ", ".join(dict.fromkeys(row["commit"] for row in rows))
    out.write_text(
        "# What fine-tuning buys\n\n"
        "Made by `python benchmarks/finetune.py --data DIR`.\n\n"
        "CIFAR-100, `codebook`, one seed. Precision at 5 in %, expected over the orders of ties; "
        "in brackets, the\nworst and the best order. **tuned**: the network was trained together "
        "with a code of 64 bits; for other\nlengths, a head was trained on the tuned network. "
        "**head**: trained on the network as it comes. Minutes\nare training time.\n\n"
        f"{_table(rows)}\n"
        "Precision by minutes of training, at 64 bits, on held-out images of the classes that were "
        "trained on:\n\n"
        f"![Precision by minutes of training]({picture.name})\n\n"
        f"<sub>{machine['processor']}, {machine['cores']} cores, commits {commits}</sub>\n"
    )


def _table(rows: list[Row]) -> str:
    found = {(row["protocol"], row["tune"], row["bits"]): row for row in rows}
    lengths = sorted({row["bits"] for row in rows})
    head = ["protocol", "", *(f"{bits} bits" for bits in lengths)]
    lines = [head, ["---"] * len(head)]
    for protocol in dict.fromkeys(row["protocol"] for row in rows):
        for tune, name in NAMES.items():
            cells = [_cell(found.get((protocol, tune, bits))) for bits in lengths]
            lines.append([f"`{protocol}`", name, *cells])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    precision_at_5, low, high = (
        100 * row[name] for name in ("precision_at_5", "precision_at_5_low", "precision_at_5_high")
    )
    return f"**{precision_at_5:.1f}** ({low:.1f} to {high:.1f}), {row['train_minutes']:.1f} min"


def _plot(rows: list[Row], path: Path) -> None:
    protocols = list(dict.fromkeys(row["protocol"] for row in rows))
    with pyplot.rc_context(STYLE):
        figure, axes = pyplot.subplots(figsize=(6.2, 3.8), layout="constrained")
        for row in rows:
            if row["bits"] == 64:
                axes.plot(
                    [epoch["minutes"] for epoch in row["curve"]],
                    [100 * epoch["validation_precision_at_5"] for epoch in row["curve"]],
                    marker=".",
                    color=f"C{protocols.index(row['protocol'])}",
                    linestyle="-" if row["tune"] == "last" else ":",
                    label=f"{row['protocol']}, {NAMES[row['tune']]}",
                )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set(xlabel="minutes of training, two cores", ylabel="precision at 5, %")
        axes.legend()
        figure.savefig(path)
        pyplot.close(figure)
