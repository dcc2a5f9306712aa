"""The methods of a benchmark, by preset, and the parameters that each may choose from.

Every method may try the same number of candidates (`hashlens.benchmark.selection.Budget`), its
defaults among them. A method without parameters worth tuning, such as LSH, has no candidates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hashlens.datasets.protocols import PROTOCOLS
from hashlens.errors import ParameterError
from hashlens.hashers import METHODS

Params = Mapping[str, Any]
Distance = Literal["hamming", "spherical"]


@dataclass(frozen=True, slots=True)
class MethodPreset:
    """A method with fixed parameters and the candidates for the others.

    Attributes
    ----------
    method : str
        A key of `hashlens.hashers.METHODS`.
    preset : str
    fixed : mapping
        Parameters that define the preset.
    candidates : sequence of mappings
        Alternatives to the defaults, tried on a part of the training set in this order.
    distances : sequence of {"hamming", "spherical"}
        The distances by which its codes are ranked; each makes a row.
    protocols : sequence of str
        The protocols on which it is run, if they are asked for.
    seeds : int or None
        Maximum number of fits per cell; None for as many as are asked for. A method without a
        seed is fitted once in any case.
    """

    method: str
    preset: str
    fixed: Params
    candidates: Sequence[Params] = ()
    distances: Sequence[Distance] = ("hamming",)
    protocols: Sequence[str] = PROTOCOLS
    seeds: int | None = None

    @property
    def label(self) -> str:
        """The name in tables and file names: the method, and the preset if it is not the default.

        Examples
        --------
        >>> MethodPreset("itq", "default", {}).label, MethodPreset("autoencoder", "paper", {}).label
        ('itq', 'autoencoder-paper')
        """
        return row_label(self.method, self.preset)


def row_label(method: str, preset: str) -> str:
    """Return the name of a method and preset in tables."""
    return method if preset == "default" else f"{method}-{preset}"


def _each(**alternatives: Sequence[Any]) -> tuple[Params, ...]:
    """Return one candidate per value, each of which changes a single parameter."""
    return tuple({name: value} for name, values in alternatives.items() for value in values)


_SHORT_DEEP_HASHING: tuple[Params, ...] = tuple(
    {"learning_rate": rate, "epochs": epochs}
    for rate, epochs in ((0.003, 5), (0.003, 10), (0.01, 5))
)
"""Longer training makes deep hashing copy bits, so shorter training is among the candidates."""

_BRE = _each(anchors=(50,), sweeps=(20,), pair_share=(0.2,))

PRESETS: tuple[MethodPreset, ...] = (
    MethodPreset("lsh", "default", {}),
    MethodPreset("pcah", "default", {}),
    MethodPreset("pca-rr", "default", {}),
    MethodPreset("itq", "default", {}, _each(iterations=(20, 100, 200))),
    MethodPreset("sh", "default", {}),
    MethodPreset(
        "sph",
        "default",
        {},
        (
            {"mean_tolerance": 0.05, "deviation_tolerance": 0.1},
            {"mean_tolerance": 0.2, "deviation_tolerance": 0.3},
            {"max_iterations": 30},
        ),
        distances=("hamming", "spherical"),
    ),
    MethodPreset("kmh", "default", {}, _each(bits_per_subspace=(2, 8), affinity_weight=(1.0,))),
    MethodPreset("splh", "default", {}, _each(label_weight=(0.02, 2.0), labeled=(5000,))),
    MethodPreset("bre", "default", {}, _BRE),
    MethodPreset("bre", "supervised", {"use_labels": True}, _BRE),
    MethodPreset("dh", "default", {}, _SHORT_DEEP_HASHING),
    MethodPreset("sdh", "default", {}, _SHORT_DEEP_HASHING),
    MethodPreset(
        "dlbhc",
        "default",
        {},
        tuple({"schedule": {"learning_rate": rate}} for rate in (0.03, 0.3, 1.0)),
    ),
    MethodPreset(
        "autoencoder",
        "default",
        {},
        (
            {"terms": {"reconstruction": 0.01}},
            {"terms": {"quantization": 0.0}},
            {"architecture": {"margin": 0.2}},
        ),
    ),
    # As published, so nothing is tuned; its 4096 units take minutes per fit.
    MethodPreset("autoencoder", "paper", {"preset": "paper"}, protocols=("standard",), seeds=1),
    MethodPreset("autoencoder", "general", {"preset": "general"}),
    MethodPreset("codebook", "default", {}, _each(loss=("csq",), hidden=(2048,), margin=(0.2,))),
)


def choose_presets(names: Sequence[str]) -> tuple[MethodPreset, ...]:
    """Return the presets of some methods, in the order of tables.

    Parameters
    ----------
    names : sequence of str
        Methods (all their presets), labels such as ``"autoencoder-paper"``, or ``"all"``.

    Raises
    ------
    ParameterError
        If a name is neither.

    Examples
    --------
    >>> [preset.label for preset in choose_presets(["itq", "lsh"])]
    ['lsh', 'itq']
    """
    wanted = set(names)
    known = {"all", *METHODS, *(preset.label for preset in PRESETS)}
    unknown = sorted(wanted - known)
    if unknown or not wanted:
        raise ParameterError(
            f"Unknown methods: {', '.join(unknown) or 'none given'}. "
            f"Expected 'all' or some of: {', '.join(sorted(known - {'all'}))}."
        )
    return tuple(
        preset
        for preset in PRESETS
        if "all" in wanted or preset.method in wanted or preset.label in wanted
    )
