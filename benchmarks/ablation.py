"""What each part of the proposed method is worth: one term or layer is changed at a time.

    python benchmarks/ablation.py --data DIR --out benchmarks/results/ablation

DIR holds CIFAR-100 as parquet files in the public hub's layout. For codes of unseen classes, see
unseen.py.
"""

from __future__ import annotations

from typing import Any

from variants import parse, run

from hashlens.benchmark.method_presets import MethodPreset

TERMS: dict[str, dict[str, Any]] = {
    "no-reconstruction": {"reconstruction": 0.0},
    "no-quantization": {"quantization": 0.0},
    "labels-alone": {"reconstruction": 0.0, "quantization": 0.0},
    "no-labels": {"nll": 0.0},
    "with-l1": {"penalty": 1e-6, "p": 1},
    "with-l2": {"penalty": 1e-5, "p": 2},
    "with-balance": {"balance": 1.0},
    "with-decorrelation": {"decorrelation": 1.0},
}
"""Changes of the default preset's loss: one term left out, or one added that it lacks."""

LAYERS: dict[str, dict[str, Any]] = {
    "linear-head": {"head": "linear"},
    "no-batch-norm": {"batch_norm": False},
    "joined-trunk": {"join_trunk": True},
    "256-units": {"descriptor_units": 256},
}
"""Changes of the default preset's layers."""


def variants() -> list[MethodPreset]:
    """Return the proposed method as it is, with each change, and without a descriptor layer."""
    found = [MethodPreset("autoencoder", "default", {})]
    found += [MethodPreset("autoencoder", name, {"terms": terms}) for name, terms in TERMS.items()]
    found += [
        MethodPreset("autoencoder", name, {"architecture": layers})
        for name, layers in LAYERS.items()
    ]
    # The preset as published is in the table of methods; its 4096 units take minutes per fit.
    published = {"preset": "paper", "terms": {"reconstruction": 0.0}}
    found.append(
        MethodPreset("autoencoder", "paper-no-reconstruction", published, protocols=("standard",))
    )
    # A sigmoid code straight on the trunk's features: the descriptor layer left out.
    found.append(MethodPreset("dlbhc", "no-descriptor-layer", {}))
    return found


def main() -> None:
    run(variants(), parse(__doc__.splitlines()[0], bits=[64], seeds=1))


if __name__ == "__main__":
    main()
