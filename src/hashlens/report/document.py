"""All figures of a training report as one JSON document: what ``report.json`` holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.datasets.described import DescribedDataset, DescribedImages
from hashlens.errors import DataError
from hashlens.labels import has_sets, images_per_class, occurring
from hashlens.model.model import Model
from hashlens.model.protocol_search import Search
from hashlens.model.training_record import TrainingRecord
from hashlens.report.examples import example_figures
from hashlens.report.machine import machine
from hashlens.report.search_figures import (
    class_figures,
    code_figures,
    confusion_figures,
    search_figures,
)
from hashlens.report.size_and_speed import size_figures, speed_figures

FORMAT_VERSION = 2
"""Version 1 had other names for some figures; hashlens does not read reports."""


def report_document(
    model: Model,
    data: DescribedDataset,
    search: Search,
    folder: Path,
    command: str | None = None,
) -> dict[str, Any]:
    """Return the figures of a model that was just trained.

    Parameters
    ----------
    model : Model
        Its ``training`` says how it was trained.
    data : DescribedDataset
        The data it was trained on, described by its descriptor.
    search : Search
        The search of the protocol it was trained under.
    folder : Path
        The model directory, for the sizes of its files.
    command : str, optional
        The command that trained it.

    Returns
    -------
    dict
        Only values that JSON has. Shares are in [0, 1], and undefined values are None; the fields
        are listed in docs/formats.md.

    Raises
    ------
    HashlensError
        If a label has no name, or the data is too small to be searched.
    """
    for images in (data.train, data.test):
        _check_names(images, data.classes)
    pairs, pair_count = confusion_figures(search, data.classes)
    classes = class_figures(search, data.classes)
    found = {
        "format_version": FORMAT_VERSION,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": _model(model),
        "data": _data(data, search),
        "settings": _settings(model, search, command),
        "learning": None if model.training is None else learning(model.training),
        "searches": search_figures(search, model.bits),
        "classes": classes,
        "classes_without_queries": len(data.classes) - len(classes),
        "confusions": pairs,
        "confused_pairs": pair_count,
        "examples": example_figures(search, data, search.split.seed),
        "codes": code_figures(search, model.bits, data.train.vectors[search.split.database]),
        "size": size_figures(model, folder),
        "speed": speed_figures(model, data, folder),
        "machine": machine(),
    }
    plain: dict[str, Any] = _plain(found)
    return plain


def _check_names(images: DescribedImages, names: tuple[str, ...]) -> None:
    labels = occurring(images.labels)
    if labels[0] < 0 or labels[-1] >= len(names):
        raise DataError(
            f"A report expects labels from 0 to {len(names) - 1}, one for each class name. "
            f"Got labels from {labels[0]} to {labels[-1]}."
        )


def learning(training: TrainingRecord) -> dict[str, Any] | None:
    """Return the epochs of the training and which one was kept; None if the method has none.

    Examples
    --------
    >>> epochs = [
    ...     {"number": 1, "epochs": 9, "precision_at_5": 0.5},
    ...     {"number": 2, "epochs": 9, "precision_at_5": 0.4},
    ... ]
    >>> course = learning(TrainingRecord("codebook", "photos", epochs=tuple(epochs)))
    >>> course["kept_epoch"], course["planned_epochs"]
    (1, 9)
    """
    epochs = [dict(epoch) for epoch in training.epochs]
    if not epochs:
        return None
    # Training on fixed descriptors keeps the first of the best epochs; fine-tuning records which.
    best = max(epochs, key=lambda epoch: (epoch["precision_at_5"], -epoch["number"]))
    return {
        "kept_epoch": training.details.get("kept_epoch", best["number"]),
        "planned_epochs": epochs[-1]["epochs"],
        "epochs": epochs,
    }


def _model(model: Model) -> dict[str, Any]:
    return {
        "method": model.hasher.name,
        "bits": model.bits,
        "digest": model.digest,
        "descriptor": model.spec.name,
        "dimension": model.spec.dimension,
        "input_size": model.spec.input_size,
        "learns_from_labels": model.hasher.learns_from_labels,
    }


def _data(data: DescribedDataset, search: Search) -> dict[str, Any]:
    return {
        "source": data.source,
        "digest": data.train.digest,
        "classes": len(data.classes),
        "multi_label": has_sets(data.train.labels),
        "trained_on": len(search.split.fit),
        "trained_classes": len(occurring(data.train.labels[search.split.fit])),
        "parts": {
            "train": _part(data.train, data.classes),
            "test": _part(data.test, data.classes),
        },
        "check": None if data.check is None else data.check.as_dict(),
        "findings": [] if data.check is None else data.check.lines(),
    }


def _part(images: DescribedImages, names: tuple[str, ...]) -> dict[str, Any]:
    counts = images_per_class(images.labels, len(names))
    smallest, largest = int(counts.argmin()), int(counts.argmax())
    return {
        "images": len(images.labels),
        "smallest_class": {"name": names[smallest], "images": int(counts[smallest])},
        "largest_class": {"name": names[largest], "images": int(counts[largest])},
    }


def _settings(model: Model, search: Search, command: str | None) -> dict[str, Any]:
    details = {} if model.training is None else dict(model.training.details)
    details.pop("kept_epoch", None)  # `learning` holds it.
    return {
        "protocol": search.split.protocol,
        "split_seed": search.split.seed,
        "split": search.split.describe(),
        **details,
        "parameters": model.hasher.get_params(),
        "command": command,
    }


def _plain(value: Any) -> Any:
    """Return the value in types that JSON has; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    return None if isinstance(value, float) and not np.isfinite(value) else value
