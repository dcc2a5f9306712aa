"""One cell of the table: fit a hasher, hash, search, and compute every figure."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from hashlens.arrays import Codes
from hashlens.benchmark.context import commit
from hashlens.benchmark.features import Features
from hashlens.benchmark.method_presets import MethodPreset
from hashlens.benchmark.selection import make_hasher
from hashlens.datasets.protocols import Split
from hashlens.evaluation import (
    code_statistics,
    evaluate_codes,
    evaluate_spherical,
    linear_reconstruction_error,
    quantization_error,
)
from hashlens.native import thread_count
from hashlens.report.machine import peak_memory_gib, reset_peak_memory

OWN_DISTANCE = "own-distance"
"""The preset's name in rows that are ranked by the method's own distance instead of Hamming's."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unit:
    """A single fit: a method and preset at one length, protocol and seed."""

    method: MethodPreset
    bits: int
    protocol: str
    seed: int

    @property
    def path(self) -> str:
        """The file of its rows, relative to the folder of measured cells."""
        return f"rows/{self.protocol}/{self.method.label}/{self.bits}-{self.seed}.json"

    def __str__(self) -> str:
        return f"{self.protocol} {self.method.label} {self.bits} bits, seed {self.seed}"


def measure(unit: Unit, features: Features, split: Split, params: dict[str, Any]) -> list[Row]:
    """Return the rows of a unit, one for each distance by which its codes are ranked.

    Parameters
    ----------
    unit : Unit
    features : Features
    split : Split
        The split of the unit's protocol.
    params : dict
        The parameters that were chosen.
    """
    hasher = make_hasher(unit.method, unit.bits, params, unit.seed)
    vectors, labels = features.train_vectors[split.fit], features.train_labels[split.fit]
    reset_peak_memory()
    start = time.perf_counter()
    hasher.fit(vectors, labels)
    fitted = time.perf_counter()
    peak = peak_memory_gib()
    database = hasher.transform(features.train_vectors[split.database])
    queries = hasher.transform(features.test_vectors[split.query])
    encoded = time.perf_counter()
    shared = {
        "fit_seconds": round(fitted - start, 3),
        "fit_peak_gib": peak,
        "threads": thread_count(),
        "encode_microseconds": round(1e6 * (encoded - fitted) / (len(database) + len(queries)), 3),
        "supervised": hasher.learns_from_labels,
        "parameters": hasher.configuration(),
        "tuned": params,
        "min_codeword_distance": getattr(hasher, "min_distance_", None),
        "commit": commit(),
        **_statistics(database, unit.bits, features, split),
    }
    return [
        _row(unit, distance, queries, database, features, split, shared)
        for distance in unit.method.distances
    ]


def _statistics(database: Codes, bits: int, features: Features, split: Split) -> dict[str, Any]:
    """Return statistics of the database's codes, and what they lose of the descriptors."""
    vectors = features.train_vectors[split.database]
    return {
        **asdict(code_statistics(database, bits)),
        "quantization_error": quantization_error(database, vectors),
        "linear_reconstruction_error": linear_reconstruction_error(database, bits, vectors),
    }


def _row(
    unit: Unit,
    distance: str,
    queries: Codes,
    database: Codes,
    features: Features,
    split: Split,
    shared: dict[str, Any],
) -> Row:
    search = evaluate_codes if distance == "hamming" else evaluate_spherical
    start = time.perf_counter()
    result = search(
        queries,
        features.test_labels[split.query],
        database,
        features.train_labels[split.database],
        unit.bits,
    )
    return {
        "method": unit.method.method,
        "preset": unit.method.preset if distance == "hamming" else OWN_DISTANCE,
        "bits": unit.bits,
        "protocol": unit.protocol,
        "seed": unit.seed,
        **result.to_dict(curves=True),
        "distance": distance,
        "evaluate_seconds": round(time.perf_counter() - start, 3),
        "split_seed": split.seed,
        **shared,
    }
