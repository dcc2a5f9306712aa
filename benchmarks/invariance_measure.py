"""How far codes move, and how much retrieval suffers, when a query looks different.

The paper claims that its codes react to content and hardly to small changes of color and texture.
It is measured by the Hamming distance between the codes of an image before and after a change,
compared with the distances to other images of its class and of other classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from perturbations import PERTURBATIONS, Perturbation
from PIL import Image

from hashlens.arrays import Codes, Labels, Vectors
from hashlens.codes import hamming_distance
from hashlens.evaluation import evaluate_codes
from hashlens.hashers import Hasher

Describe = Callable[[Sequence[Image.Image]], Vectors]
"""Turns RGB images into descriptors, float32 of shape (n, D)."""


@dataclass(frozen=True)
class Reference:
    """A fitted hasher and the codes of the database that is searched.

    Attributes
    ----------
    hasher : Hasher
    codes : uint8 array of shape (items, bytes)
    labels : int64 array of shape (items,)
    """

    hasher: Hasher
    codes: Codes
    labels: Labels


def measure_invariance(
    images: Sequence[Image.Image],
    labels: Labels,
    describe: Describe,
    references: Mapping[str, Reference],
    perturbations: Sequence[Perturbation] = PERTURBATIONS,
    seed: int = 0,
    listen: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Return how codes and retrieval react to each change and grade, for each hasher.

    Parameters
    ----------
    images : sequence of RGB images
        Queries; none of them is in the database.
    labels : int64 array of shape (n,)
    describe : callable
        Describes images as the hashers were trained on them.
    references : mapping
        Hashers by their name in rows.
    perturbations : sequence of Perturbation
    seed : int
        Seed of noise and of the places of crops.
    listen : callable, optional
        Called with the name of each step.

    Returns
    -------
    list of dict
        ``method``, ``bits``, ``change``, ``grade``, ``distance`` (mean share of bits that flip),
        ``precision_at_5``, ``precision_at_5_low``, ``precision_at_5_high``. For comparison,
        rows of the change "none" also have ``distance_same_class`` and ``distance_other_class``,
        the mean shares of bits in which images of one class and of two classes differ.
    """
    tell = listen or (lambda _: None)
    tell("none")
    vectors = describe(images)
    before = {name: ref.hasher.transform(vectors) for name, ref in references.items()}
    rows = []
    for name, reference in references.items():
        row = _row(name, reference, before[name], before[name], labels)
        same, other = _distances_between(before[name], labels, reference.hasher.bits)
        rows.append(
            {**row, "change": "none", "grade": None,
             "distance_same_class": same, "distance_other_class": other}
        )  # fmt: skip
    for change in perturbations:
        for grade in change.grades:
            tell(f"{change.name} {grade}")
            rng = np.random.default_rng(seed)
            vectors = describe([change.apply(image, grade, rng) for image in images])
            for name, reference in references.items():
                after = reference.hasher.transform(vectors)
                row = _row(name, reference, before[name], after, labels)
                rows.append({**row, "change": change.name, "grade": grade})
    return rows


def _row(
    name: str, reference: Reference, before: Codes, after: Codes, labels: Labels
) -> dict[str, Any]:
    bits = reference.hasher.bits
    found = evaluate_codes(after, labels, reference.codes, reference.labels, bits).precision
    return {
        "method": name,
        "bits": bits,
        "distance": float(hamming_distance(before, after).mean() / bits),
        "precision_at_5": found.expected,
        "precision_at_5_low": found.low,
        "precision_at_5_high": found.high,
    }


def _distances_between(
    codes: Codes, labels: Labels, bits: int
) -> tuple[float | None, float | None]:
    """Return the mean share of bits that differ within a class and between classes.

    None if there is no such pair.
    """
    distances = hamming_distance(codes[:, None], codes[None]) / bits
    pairs = np.triu(np.ones(distances.shape, dtype=bool), k=1)
    alike = labels[:, None] == labels
    same, other = distances[pairs & alike], distances[pairs & ~alike]
    return (
        float(same.mean()) if len(same) else None,
        float(other.mean()) if len(other) else None,
    )
