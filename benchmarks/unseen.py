"""The trade-off between unseen and seen classes, with one training per point.

    python benchmarks/unseen.py --data DIR --out benchmarks/results/unseen

DIR holds CIFAR-100 as parquet files in the public hub's layout. The autoencoder is trained with a
rising share of free bits, with rising weights of distillation, and with rising weights of its
reconstruction; ITQ and PCA-RR are the unsupervised methods to be matched. The preset `general` was
chosen before, on classes held out from the training set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from variants import parse, run

from hashlens.benchmark.method_presets import MethodPreset
from hashlens.benchmark.plots import STYLE
from hashlens.benchmark.summary import Cell, cells


def curve(name: str, part: str, field: str, values: Sequence[float]) -> list[MethodPreset]:
    """Return the default preset with rising values of one field of its layers or terms."""
    return [MethodPreset("autoencoder", f"{name}-{v:g}", {part: {field: v}}) for v in values]


START = MethodPreset("autoencoder", "default", {})
CURVES: dict[str, list[MethodPreset]] = {
    "share of free bits": curve("free", "architecture", "free_share", (0.5, 0.6, 0.7, 0.9)),
    "weight of distillation": curve("distilled", "terms", "distillation", (4.0,)),
    "weight of reconstruction": curve("reconstruction", "terms", "reconstruction", (0.1,)),
}
REFERENCES = [MethodPreset(method, "default", {}) for method in ("itq", "pca-rr")]


def main() -> None:
    options = parse(__doc__.splitlines()[0], bits=[64, 128], seeds=1)
    variants = [preset for curve in CURVES.values() for preset in curve]
    results = run([START, *variants, *REFERENCES], options)
    for path in draw(cells(results.rows), options.bits, options.out):
        print(path)


def draw(found: Sequence[Cell], lengths: Sequence[int], out: Path) -> list[Path]:
    """Draw unseen against seen classes, a panel per code length, as PNG and SVG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, rc_context

    precision_at_5 = {
        (cell.label, cell.bits, cell.protocol): cell.spread("precision_at_5") for cell in found
    }
    with rc_context(STYLE):
        figure, panels = pyplot.subplots(
            1, len(lengths), figsize=(4 * len(lengths), 3.8), squeeze=False, layout="constrained"
        )
        for axes, bits in zip(panels[0], lengths, strict=True):

            def point(preset: MethodPreset, bits: int = bits) -> list[float]:
                spreads = [precision_at_5[preset.label, bits, p] for p in ("standard", "unseen")]
                return [100 * spread.mean for spread in spreads if spread is not None]

            for label, presets in CURVES.items():
                points = [point(preset) for preset in (START, *presets)]
                axes.plot(*zip(*points, strict=True), marker="o", label=label)
                for preset, at in zip(presets, points[1:], strict=True):
                    axes.annotate(preset.preset.rsplit("-", 1)[1], at, fontsize=7)
            axes.annotate("default ", point(START), ha="right")
            for preset, side in zip(REFERENCES, ("bottom", "top"), strict=True):
                axes.plot(*point(preset), "kx")
                axes.annotate(f" {preset.method}", point(preset), va=side)
            axes.set_title(f"{bits} bits")
            axes.set_xlabel("precision at 5 on seen classes (standard), %")
            axes.set_ylabel("precision at 5 on unseen classes, %")
        handles = panels[0][0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower center", ncols=2)
        paths = [out / f"tradeoff.{kind}" for kind in ("png", "svg")]
        for path in paths:
            figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
        pyplot.close(figure)
    return paths


if __name__ == "__main__":
    main()
