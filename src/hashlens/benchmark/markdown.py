"""The benchmark's page: tables in Markdown, and the facts that they need beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hashlens.benchmark.quoted import (
    AMBIGUITIES,
    QUOTED_DATASET,
    printed_precision_at_5,
    printed_row,
)
from hashlens.benchmark.summary import Cell, cells, margins, supervised_behind

DETAILS: tuple[tuple[str, str, float, int], ...] = (
    ("map", "mAP %", 100, 1),
    ("tied_at_5", "tied at 5th", 1, 0),
    ("precision_radius2", "P within 2 bits %", 100, 1),
    ("empty_radius2", "empty within 2 bits %", 100, 1),
    ("bit_imbalance", "bit imbalance", 1, 3),
    ("bit_correlation", "bit correlation", 1, 3),
    ("quantization_error", "E_q (eq. 2)", 1, 3),
    ("linear_reconstruction_error", "not reconstructed %", 100, 1),
    ("unique_codes_per_thousand", "unique per 1,000", 1, 0),
    ("fit_seconds", "fit s", 1, 1),
    ("fit_peak_gib", "fit GiB", 1, 1),
    ("encode_microseconds", "encode µs", 1, 1),
)
"""Key in a row, column heading, factor and decimals of each figure in the table of details."""


def render(document: dict[str, Any]) -> str:
    """Return the page of a result document (`hashlens.benchmark.result_document.document`)."""
    found = cells(document["rows"])
    context = document["context"]
    parts = [f"# Hashing methods on {context['dataset']}\n"]
    quotes = context["dataset"] == QUOTED_DATASET
    for protocol in context["splits"]:
        here = [cell for cell in found if cell.protocol == protocol]
        baselines = [b for b in context["baselines"] if b["protocol"] == protocol]
        parts += [
            f"## Protocol `{protocol}`\n",
            f"{context['splits'][protocol]}.\n",
            _precision_table(here, baselines, quotes and protocol == "standard"),
            _bounds_note(here),
            _behind(here) if protocol == "unseen" else "",
            "### Details\n",
            _details_table(here),
        ]
    parts += [
        _claims(found, quotes),
        _beside(context),
        _selection_table(context),
        _failures(context),
    ]
    return "\n".join(part for part in parts if part)


def _table(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in heading[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heading, rule, *lines]) + "\n"


def _labels(found: Sequence[Cell]) -> list[str]:
    return list(dict.fromkeys(cell.label for cell in found))


def _precision_table(
    found: Sequence[Cell], baselines: Sequence[dict[str, Any]], quotes: bool
) -> str:
    """Return precision at 5 by method and length, baselines first, the paper's column last."""
    lengths = sorted({cell.bits for cell in found})
    heading = ["precision at 5, %", *(f"{bits} bits" for bits in lengths)]
    if quotes:
        heading.append("quoted from the paper")
    lines = [
        [name, *([text] * len(lengths)), *([""] * quotes)]
        for name, text in map(_baseline, baselines)
    ]
    for label in _labels(found):
        row = {cell.bits: cell for cell in found if cell.label == label}
        values = [_percent(row.get(bits)) for bits in lengths]
        quote = [_quote(next(iter(row.values())), lengths)] if quotes else []
        lines.append([f"`{label}`", *values, *quote])
    return _table(heading, lines)


def _baseline(row: dict[str, Any]) -> tuple[str, str]:
    """Return a baseline's name and its figure, which does not depend on the code length."""
    if row["baseline"] == "float-knn":
        return "exact k-NN on floats", f"{100 * row['precision_at_5']:.1f}"
    if row["baseline"] == "class-code":
        return f"class code, {row['bits']} bits", f"{100 * row['precision_at_5']:.1f}"
    accuracy = row["accuracy"]
    text = "undefined for unseen classes" if accuracy is None else f"{100 * accuracy:.1f}"
    return "linear classifier (accuracy)", text


def _percent(cell: Cell | None) -> str:
    spread = cell.spread("precision_at_5") if cell else None
    return spread.percent() if spread else "–"


def _quote(cell: Cell, lengths: Sequence[int]) -> str:
    """Return the paper's figures at the lengths of the table, or a dash."""
    row = printed_row(cell.method)
    if row is None or cell.preset not in ("default", "paper", "supervised"):
        return "–"
    shares = [printed_precision_at_5(cell.method, bits) for bits in lengths]
    return f"{row[0]}: " + " / ".join("–" if s is None else f"{100 * s:.2f}" for s in shares)


def _bounds_note(found: Sequence[Cell]) -> str:
    """Return which code depends most on the order of ties."""
    spans = []
    for cell in found:
        low, high = cell.spread("precision_at_5_low"), cell.spread("precision_at_5_high")
        if low and high:
            spans.append((high.mean - low.mean, cell, low.mean, high.mean))
    if not spans:
        return ""
    _, cell, low_mean, high_mean = max(spans, key=lambda span: span[0])
    return (
        f"Ties matter most for `{cell.label}` at {cell.bits} bits: {100 * low_mean:.1f} in the "
        f"worst order, {100 * high_mean:.1f} in the best.\n"
    )


def _behind(found: Sequence[Cell]) -> str:
    """Return which supervised methods fall behind unsupervised ones on unseen classes."""
    lengths = sorted({cell.bits for cell in found})
    lines = []
    for reference in ("pca-rr", "itq"):
        behind = supervised_behind(found, reference, "unseen")
        names = [", ".join(f"`{method}`" for method in behind.get(bits, ())) for bits in lengths]
        if behind:
            lines.append([f"below `{reference}`", *(text or "–" for text in names)])
    if not lines:
        return ""
    return _table(["supervised methods", *(f"{bits} bits" for bits in lengths)], lines)


def _details_table(found: Sequence[Cell]) -> str:
    heading = ["method", "bits", "precision at 5, %: worst to best order of ties"]
    heading += [title for _, title, _, _ in DETAILS] + ["seeds"]
    lines = []
    for cell in found:
        low, high = cell.spread("precision_at_5_low"), cell.spread("precision_at_5_high")
        bounds = f"{100 * low.mean:.1f} to {100 * high.mean:.1f}" if low and high else "–"
        line = [f"`{cell.label}`", str(cell.bits), bounds]
        for figure, _, factor, digits in DETAILS:
            spread = cell.spread(figure)
            line.append("–" if spread is None else f"{factor * spread.mean:.{digits}f}")
        lines.append([*line, str(len(cell.rows))])
    return _table(heading, lines)


def _claims(found: Sequence[Cell], quotes: bool) -> str:
    """Return the proposed method's lead over the paper's rivals, where both were measured."""
    lines = [
        [
            str(margin.bits),
            f"{100 * margin.proposed:.2f}",
            f"{100 * margin.rival:.2f} (`{margin.rival_name}`)",
            "–" if margin.deviation is None else f"{100 * margin.deviation:.2f}",
            "yes" if margin.is_ahead else "no",
            f"{100 * margin.printed:.2f}" if quotes and margin.printed is not None else "–",
        ]
        for margin in margins(found)
    ]
    if not lines:
        return ""
    heading = [
        "bits", "proposed", "best rival of the paper", "σ of the difference",
        "ahead by more than 2 σ", "paper's figure, quoted",
    ]  # fmt: skip
    return "## The proposed method against the paper's rivals, `standard`\n\n" + _table(
        heading, lines
    )


def _beside(context: dict[str, Any]) -> str:
    """Return the facts that a reader of the tables needs."""
    descriptor = [f"{name}: {value}" for name, value in context["descriptor"].items()]
    machine = context["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    facts = [
        ("Descriptor", "; ".join(descriptor) or "not stated"),
        ("Data", context["data"]),
        ("Metric", context["metric"]),
        ("Ties", context["ties"]),
        ("Seeds", context["seeds"]),
        ("Parameters", context["selection"]),
        ("Quoted figures", AMBIGUITIES),
        ("Command", f"`{context['command']}`"),
        ("Commit", context["commit"]),
        (
            "Effort",
            f"{context['minutes']} minutes for all baselines, parameter choices, fits and "
            f"searches; at most {context['fit_peak_gib']} GiB during a fit, descriptors included",
        ),
        (
            "Machine",
            f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
            f"{machine['system']}, Python {machine['python']}, {packages}",
        ),
    ]
    return "## How this was made\n\n" + "\n".join(f"- **{k}**: {v}" for k, v in facts) + "\n"


def facts(context: dict[str, Any]) -> str:
    """Return the context of a study as a list, for the end of its page."""
    lines = []
    for name, value in context.items():
        if isinstance(value, dict):
            value = "; ".join(f"{key}: {inner}" for key, inner in value.items())
        lines.append(f"- **{name}**: {value}")
    return "## How this was made\n\n" + "\n".join(lines) + "\n"


def _selection_table(context: dict[str, Any]) -> str:
    """Return the parameters chosen for each method, and their score on held-out training rows."""
    lines = []
    for choice in context["selections"]:
        tried = choice["candidates"]
        scores = [
            candidate["precision_at_5"]
            for candidate in tried
            if candidate["precision_at_5"] is not None
        ]
        params = ", ".join(f"{name}={value}" for name, value in choice["params"].items())
        lines.append(
            [
                f"`{choice['method']}`",
                choice["protocol"],
                str(max(1, len(tried))),
                params or "defaults",
                f"{100 * max(scores):.1f}" if scores else "–",
            ]
        )
    if not lines:
        return ""
    heading = ["method", "protocol", "candidates", "chosen", "precision at 5, % on held-out rows"]
    return "### Chosen parameters\n\n" + _table(heading, lines)


def _failures(context: dict[str, Any]) -> str:
    """Return what could not be measured, and why."""
    lines = [f"- {f['step']}: {f['error']} ({f['where']})" for f in context["failures"]]
    return "## Not measured\n\n" + "\n".join(lines) + "\n" if lines else ""
