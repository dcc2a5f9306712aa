"""Tables and plots from the JSON files of the search benchmark."""

from __future__ import annotations

import json

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def write_report(out):
    """Write search.md and the plots into the folder that holds the JSON files."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(out.glob("*.json"))}
    sections = [
        WRITERS[name](results[name]) + _foot(results[name]) for name in WRITERS if name in results
    ]
    text = f"# Exact Hamming search, measured\n\nMade by {_commands(results)}. "
    text += "Medians of at least five runs; k = 10 unless stated otherwise.\n\n"
    (out / "search.md").write_text(text + "\n".join(sections))
    if "trained" in results:
        _plot_growth(results, out / "growth.png")
    if "batch" in results:
        _plot_batch(results["batch"], out / "batch.png")


def _commands(results):
    """Return the commands that made the parts: a single one, unless parts were measured apart."""
    made = [result["provenance"].get("command") for result in results.values()]
    named = dict.fromkeys(command or "python benchmarks/search.py" for command in made)
    return ", ".join(f"`{command}`" for command in named)


def _foot(result):
    made = result["provenance"]
    inputs = "".join(
        f" {name}: {given['file']}, SHA-256 {given['sha256'][:16]}."
        for name, given in made.get("inputs", {}).items()
    )
    about = result.get("about")
    clumped = ""
    if about:
        clumped = (
            f" Codes: {about['codes']}, {about['bits']} bits, {about['real']:,} of which "
            f"{about['distinct']:,} distinct; larger sets resampled with {about['flip_rate']:.3f} "
            "flips per bit."
        )
    return (
        f"\n<sub>{made['date']}, commit {made['commit']}, {made['cpu']}, {made['threads']} threads "
        f"of {made['cores']} cores, faiss {made['faiss']}, numpy {made['numpy']}.{clumped}{inputs}"
        "</sub>\n"
    )


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def _batch(result):
    rows = [
        (
            f"{r['n']:,}",
            r["bits"],
            f"{r['hashlens']:.1f}",
            f"{r['faiss flat']:.1f}",
            f"{r['usearch exact']:.1f}" if "usearch exact" in r else "",
            f"{r['ratio']:.1f} ×",
            f"{r['hashlens'] * 1e6 / r['n'] / r['queries']:.3f}",
        )
        for r in result["rows"]
    ]
    head = (
        "codes",
        "bits",
        "hashlens",
        "faiss flat",
        "usearch exact",
        "faiss / hashlens",
        "ns per pair",
    )
    return "## A batch of 256 queries, uniform codes (ms)\n\n" + _table(head, rows)


def _single(result):
    rows = [
        (
            f"{r['n']:,}",
            r["bits"],
            f"{r['hashlens']['median']:.0f}",
            f"{r['faiss flat']['median']:.0f}",
            f"{r['numpy']['median']:.0f}" if "numpy" in r else "",
            f"{r['ratio']:.1f} ×",
        )
        for r in result["rows"]
    ]
    head = ("codes", "bits", "hashlens", "faiss flat", "numpy", "faiss / hashlens")
    return "## One query at a time, uniform codes (µs)\n\n" + _table(head, rows)


def _trained(result, title="One query at a time, codes of a trained model (µs)"):
    rows = []
    for r in result["rows"]:
        ours, slow = r["hashlens"], r["slowest"]
        rows.append(
            (
                f"{r['n']:,}",
                f"{r['kth']['median']:.0f} / {r['kth']['p90']:.0f}",
                " / ".join(f"{ours[q]:.0f}" for q in ("median", "p90", "p99", "max")),
                f"{r['hashlens scan']['median']:.0f}",
                f"{r['faiss flat']['median']:.0f}",
                f"{r['ratio']:.0f} ×",
                f"{slow['share']:.2f}",
                f"{r['bytes_per_code']:.0f}",
                f"{r['build_s']:.1f}",
            )
        )
    head = (
        "codes",
        "10th neighbor at (median / p90 bits)",
        "multi-index median / p90 / p99 / max",
        "our scan",
        "faiss flat",
        "faiss / multi-index",
        "slowest queries / their scan, at most",
        "bytes per code",
        "build (s)",
    )
    return f"## {title}\n\n" + _table(head, rows)


def _large(result):
    text = _trained(result, "The same, the largest set")
    served = result["served"]
    return text + (
        f"\nServed from its file by a fresh process: {served['file_mb']:.0f} MiB on disk, opened "
        f"and verified in {served['open_s']:.1f} s, at most {served['peak_mb']:.0f} MiB resident "
        "after a thousand queries and a scan of every code.\n"
    )


def _peers(result):
    rows = [
        (
            r["tool"],
            f"{r['median']:.0f}",
            f"{r['p90']:.0f}",
            f"{r['max']:.0f}",
            f"{r['recall']:.3f}",
        )
        for r in result["rows"]
    ]
    head = ("tool", "median", "p90", "max", "recall at 10 (by distance)")
    return f"## Other indexes, {result['n']:,} codes (µs per query)\n\n" + _table(head, rows)


def _paper(result):
    rows = []
    for r in result["rows"]:
        for name, value in r.items():
            if name == "queries" or name.endswith("ratio"):
                continue
            ratio = r.get(f"{name} ratio")
            rows.append((r["queries"], name, f"{value:.2f}", f"{ratio:,.0f} ×" if ratio else ""))
    head = ("queries at once", "search", "µs per query", "IndexFlatL2 / this")
    text = "## The paper's claim: 50,000 images, 4096 floats against 128 bits\n\n" + _table(
        head, rows
    )
    encoding = result.get("encoding_us")
    if encoding and "learned auto" in result["rows"][0]:
        single = result["rows"][0]
        faiss, blas = (
            (single[name] + encoding) / (single["learned auto"] + encoding)
            for name in ("faiss IndexFlatL2", "BLAS")
        )
        text += (
            f"\nBoth searches need the query's descriptor first, {encoding:,.0f} µs with the "
            f"bundled model. With it counted, one query is {faiss:.1f} × as fast by code as by "
            f"IndexFlatL2, which uses one thread for one query, and {blas:.1f} × as by BLAS.\n"
        )
    return text


def _planner(result):
    rows = [
        (
            r["codes"],
            r["bits"],
            f"{r['n']:,}",
            r["queries"],
            r["k"],
            f"{r['linear']:.3f}" if "linear" in r else "",
            f"{r['scan']:.3f}",
            f"{r['shells']:.3f}",
            f"{r['planned']:.3f}",
            r["method"],
            f"{r['share']:.2f}",
        )
        for r in result["rows"]
    ]
    head = (
        "codes",
        "bits",
        "n",
        "queries",
        "k",
        "LinearIndex",
        "its own scan",
        "shells",
        "planned",
        "chosen",
        "best / planned",
    )
    return "## The planner's choice (ms per call)\n\n" + _table(head, rows)


def _pairs(result):
    rows = [
        (
            r["radius"],
            f"{r['n']:,}",
            f"{r['pairs']:,}" if "pairs" in r else "",
            f"{r['seconds']:.2f}",
        )
        for r in result["rows"]
    ]
    return "## All pairs within a radius, 64 bits\n\n" + _table(
        ("radius", "codes", "pairs found", "seconds"), rows
    )


WRITERS = {
    "batch": _batch,
    "single": _single,
    "trained": _trained,
    "large": _large,
    "peers": _peers,
    "paper": _paper,
    "planner": _planner,
    "pairs": _pairs,
}


def _plot_growth(results, path):
    rows = results["trained"]["rows"] + results.get("large", {}).get("rows", [])
    sizes = [r["n"] for r in rows]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for label, values in {
        "faiss flat": [r["faiss flat"]["median"] for r in rows],
        "hashlens scan": [r["hashlens scan"]["median"] for r in rows],
        "multi-index, 99th percentile": [r["hashlens"]["p99"] for r in rows],
        "multi-index, median": [r["hashlens"]["median"] for r in rows],
    }.items():
        axes.loglog(sizes, values, marker="o", label=label)
    axes.set(xlabel="codes", ylabel="µs per query", title="Exact top 10, codes of a trained model")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _plot_batch(result, path):
    rows = [r for r in result["rows"] if r["n"] == 1_000_000]
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in ("faiss flat", "hashlens"):
        pairs = [r["n"] * r["queries"] for r in rows]
        values = [r[name] * 1e6 / count for r, count in zip(rows, pairs, strict=True)]
        axes.plot([r["bits"] for r in rows], values, marker="o", label=name)
    axes.set(
        xlabel="bits", ylabel="ns per pair", title="Batches of 256 over a million uniform codes"
    )
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
