"""Baselines that are not hashers: float k-NN, a linear classifier, and its class code."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hashlens.benchmark.features import Features
from hashlens.benchmark.selection import Budget
from hashlens.datasets.protocols import Split, selection_split
from hashlens.evaluation import (
    LinearClassifier,
    class_code_bits,
    class_codes,
    evaluate_codes,
    evaluate_vectors,
)

STRENGTHS = (0.003, 0.001, 0.01, 0.03)
"""Candidates for the classifier's inverse penalty; the first is the default."""

Baseline = dict[str, Any]


def float_search(features: Features, split: Split) -> Baseline:
    """Return the figures of an exact cosine search of the float descriptors: the upper bound."""
    start = time.perf_counter()
    result = evaluate_vectors(
        features.test_vectors[split.query],
        features.test_labels[split.query],
        features.train_vectors[split.database],
        features.train_labels[split.database],
    )
    return {
        "baseline": "float-knn",
        "protocol": split.protocol,
        **result.to_dict(),
        "evaluate_seconds": round(time.perf_counter() - start, 3),
    }


def linear_classifier(features: Features, split: Split, budget: Budget) -> list[Baseline]:
    """Return the accuracy of a linear classifier, and the figures of its answers as codes.

    The classifier learns from ``split.fit``, like a supervised hasher. Its accuracy is undefined
    on unseen classes; its class code is a code there, too.
    """
    strength = _choose_strength(features, split, budget)
    start = time.perf_counter()
    model = LinearClassifier(strength).fit(
        features.train_vectors[split.fit], features.train_labels[split.fit]
    )
    fit_seconds = round(time.perf_counter() - start, 3)
    answers = model.predict(features.test_vectors[split.query])
    asked = features.test_labels[split.query]
    answerable = bool(np.isin(asked, model.classes_).all())
    result = evaluate_codes(
        class_codes(answers, model.classes_),
        asked,
        class_codes(model.predict(features.train_vectors[split.database]), model.classes_),
        features.train_labels[split.database],
        class_code_bits(len(model.classes_)),
    )
    shared = {"protocol": split.protocol, "fit_seconds": fit_seconds, "strength": strength}
    accuracy = float(np.mean(answers == asked)) if answerable else None
    return [
        {"baseline": "linear-classifier", "accuracy": accuracy, **shared},
        {
            "baseline": "class-code",
            "bits": class_code_bits(len(model.classes_)),
            **result.to_dict(),
            **shared,
        },
    ]


def _choose_strength(features: Features, split: Split, budget: Budget) -> float:
    """Return the penalty that classifies held-out rows best, all of them of seen classes."""
    options = STRENGTHS[: budget.candidates]
    if len(options) == 1:
        return options[0]
    # Whatever the protocol, both parts have all classes: accuracy needs classes that were seen.
    alike = Split("standard", split.seed, split.fit, split.fit, split.query, "test")
    inner = selection_split(alike, features.train_labels, budget.seed)
    rng = np.random.default_rng(budget.seed)
    fit = rng.permutation(inner.fit)[: budget.fit_rows]
    query = rng.permutation(inner.query)[: budget.query_rows]

    def score(strength: float) -> float:
        model = LinearClassifier(strength).fit(
            features.train_vectors[fit], features.train_labels[fit]
        )
        return model.accuracy(features.train_vectors[query], features.train_labels[query])

    return max(options, key=score)
