"""The model card: what a model directory says about itself, in Markdown that hubs read too."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from hashlens.descriptors import DescriptorSpec
from hashlens.hashers import Hasher
from hashlens.model.calibration_file import ModelCalibration
from hashlens.model.training_record import TrainingRecord
from hashlens.printable import printable

CARD_FILE = "MODEL_CARD.md"
REPORT_PAGE = "report.html"
REPORT_DATA = "report.json"
"""The report of the training, which some model directories hold."""

_PRECISIONS = (0.9, 0.95, 0.99)

_PROTOCOLS = {
    "standard": "trained on the training images, which are then searched for test images: close "
    "to classification, and no evidence about classes that were not trained on",
    "heldout": "trained on a part of each class's training images; other images of these classes "
    "are searched",
    "unseen": "trained on some of the classes; images of the other classes are searched",
}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the card of a model is made from; the text is a pure function of it.

    Attributes
    ----------
    hasher : Hasher
        Fitted.
    spec : DescriptorSpec
    digest : str
        SHA-256 of the model.
    training : TrainingRecord, optional
    metrics : dict
        What the model measured, as `Model.evaluate` returns it; empty if it was not measured.
    calibration : ModelCalibration, optional
        Shown if it belongs to this model.
    has_report : bool
        Whether the report of the training lies beside the card, so that the card links to it.
    """

    hasher: Hasher
    spec: DescriptorSpec
    digest: str
    training: TrainingRecord | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: ModelCalibration | None = None
    has_report: bool = False

    def markdown(self) -> str:
        """Return the card: front matter that hubs read, then sections for people."""
        bits = self.hasher.bits
        sections = [
            _front_matter(self),
            f"# A hashlens model: {self.hasher.name}, {bits} bits\n\n"
            f"It maps an image to a binary code of {bits} bits. Images whose codes differ in few "
            "bits are similar.",
            _table("What it is", _identity(self)),
            _table("How it was trained", _training(self)),
            _figures(self.metrics) + (_REPORT if self.has_report else ""),
            _calibration(self.calibration, self.digest),
            _USE,
            _license(self.spec),
            _limits(self),
        ]
        return "\n\n".join(sections) + "\n"


def _front_matter(card: ModelCard) -> str:
    license = card.spec.license.lower()
    lines = [
        "---",
        "library_name: hashlens",
        f"license: {license if license in _HUB_LICENSES else 'other'}",
        "pipeline_tag: image-feature-extraction",
        "tags:",
        *(f"- {tag}" for tag in ("image-retrieval", "hashing", "hamming-distance")),
    ]
    if "precision_at_5" in card.metrics:
        lines += ["metrics:", "- precision_at_5"]
    return "\n".join([*lines, "---"])


_HUB_LICENSES = ("apache-2.0", "mit", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0")


def _identity(card: ModelCard) -> dict[str, Any]:
    spec = card.spec
    return {
        "method": card.hasher.name,
        "code length": f"{card.hasher.bits} bits",
        "descriptor": f"{_text(spec.name)}, {spec.dimension} dimensions",
        "input": f"{spec.input_size} × {spec.input_size} pixels, {_text(spec.fit)}, "
        f"{_text(spec.interpolation)}",
        "SHA-256 of the model": _code(card.digest),
        "SHA-256 of the descriptor's weights": _code(spec.weights_sha256),
    }


def _training(card: ModelCard) -> dict[str, Any]:
    parameters = card.hasher.get_params()
    shown = ", ".join(
        _code(f"{name}={value!r}")
        for name, value in parameters.items()
        if name not in ("bits", "random_state")
    )
    record = card.training
    if record is None:
        return {"data": "not recorded", "parameters": shown}
    protocol = record.protocol
    rows: dict[str, Any] = {
        "data": _text(record.data),
        "digest of the data": _code(record.data_digest) if record.data_digest else None,
        "classes": _count(record.classes),
        "images trained on": _count(record.images),
        "protocol": f"{_text(protocol)}: {_PROTOCOLS.get(protocol, 'see docs')}"
        if protocol
        else None,
        "seed of the split": record.split_seed if protocol else None,
        "seed of the method": parameters.get("random_state"),
        "parameters": shown,
        "epochs": len(record.epochs) or None,
        "training time": None if record.seconds is None else f"{record.seconds} s",
    }
    return rows | {
        _text(name.replace("_", " ")): _text(value)
        for name, value in record.details.items()
        if isinstance(value, (str, int, float))
    }


def _figures(metrics: dict[str, Any]) -> str:
    if "precision_at_5" not in metrics:
        return (
            "## What was measured\n\nNothing is recorded. Measure it on your own labeled "
            "images with `hashlens evaluate MODEL DATA`."
        )
    codes = metrics.get("codes", {})
    unique = codes.get("unique_codes_per_thousand")
    rows = {
        "data": _text(metrics.get("data")),
        "split": _text(metrics.get("split")),
        "precision at 5": f"{_percent(metrics['precision_at_5'])} (worst order of ties "
        f"{_percent(metrics.get('precision_at_5_low'))}, "
        f"best {_percent(metrics.get('precision_at_5_high'))})",
        "mean average precision": _percent(metrics.get("map")),
        "distinct codes per 1,000 images": None if unique is None else f"{unique:.0f}",
    }
    return (
        f"{_table('What was measured', rows)}\n\n"
        "Precision is the expectation over all orders of images that tie."
    )


def _calibration(calibration: ModelCalibration | None, digest: str) -> str:
    title = "## What distances mean"
    if calibration is None or calibration.model != digest:
        return (
            f"{title}\n\nThe model is not calibrated. `hashlens calibrate MODEL DATA` finds the "
            "radius that reaches a wanted precision on labeled images that it was not trained on."
        )
    pairs = calibration.pairs
    lines = [
        f"{title}\n\nMeasured on {_text(calibration.data)}: {_text(calibration.images)}. "
        f"Of random pairs, {_percent(pairs.chance)} have one label. "
        f"Intervals: {100 * pairs.confidence:g} %, bootstrap over images, seed {pairs.seed}.\n",
        "| wanted precision | radius in bits | precision (interval) | recall (interval) |",
        "|---|---|---|---|",
    ]
    for wanted in _PRECISIONS:
        radius = pairs.radius_for(wanted)
        cells = ["not reached", "–", "–"]
        if radius is not None:
            cells = [
                str(radius),
                _interval(pairs.precision, pairs.precision_low, pairs.precision_high, radius),
                _interval(pairs.recall, pairs.recall_low, pairs.recall_high, radius),
            ]
        lines.append(f"| {100 * wanted:g} % | {' | '.join(cells)} |")
    return "\n".join(lines)


_REPORT = (
    f"\n\nMore is in the [report of the training]({REPORT_PAGE}): learning curves, every class, "
    "confusions, examples."
)

_USE = """## How to use it

```
hashlens index PHOTOS -c photos.hashlens --model THIS_DIRECTORY
hashlens search QUERY.jpg -c photos.hashlens
```

```python
import hashlens

model = hashlens.load_model("THIS_DIRECTORY")
```

Codes of different models can't be compared: two models are the same if their SHA-256 is."""


def _license(spec: DescriptorSpec) -> str:
    license = _text(spec.license) or "not recorded: find out before you pass the model on"
    return (
        "## License\n\n"
        f"- Weights of the descriptor: {license}. Source: {_text(spec.source) or 'not recorded'}.\n"
        "- The hash was learned from the data above. Whether it may be passed on also depends on "
        "the rights in these images."
    )


def _limits(card: ModelCard) -> str:
    supervised = card.hasher.learns_from_labels
    size = card.spec.input_size
    lines = [
        "A code keeps what the descriptor sees. It was not made to recognize people, to read text, "
        "or to tell apart objects that differ in a detail.",
        f"The network sees an image at {size} × {size} pixels: small objects in large pictures are "
        "lost.",
    ]
    if supervised:
        lines.append(
            "It was trained on labels. Images that belong to none of its classes are likely to be "
            "given the code of one of them."
        )
    if supervised and card.training is not None and card.training.protocol == "standard":
        lines.append(
            "Its figures are for classes that it was trained on; expect less for others. "
            "`--protocol unseen` measures how much."
        )
    lines.append(
        "The figures hold for the data named above. Other photographs or classes give other "
        "figures: measure on your own."
    )
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _table(title: str, rows: dict[str, Any]) -> str:
    lines = [f"## {title}", "", "| | |", "|---|---|"]
    lines += [
        f"| {name} | {_cell(value)} |" for name, value in rows.items() if value not in (None, "")
    ]
    return "\n".join(lines)


_MARKUP = re.compile(r"[\\`*\[\]<>&~]|(?<!\w)_|_(?!\w)")


def _text(value: Any) -> str:
    """Return a text of others as Markdown that shows it, and does nothing else."""
    return "" if value is None else _MARKUP.sub(r"\\\g<0>", printable(str(value)))


def _code(text: str) -> str:
    """Return a text of others as code."""
    shown = printable(text).replace("`", "'")
    return f"`{shown}`"


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|")


def _count(value: Any) -> str | None:
    return None if value is None else f"{value:,}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def _interval(curve: Any, low: Any, high: Any, radius: int) -> str:
    ends = f"{_percent(low[radius])} to {_percent(high[radius])}"
    return f"{_percent(curve[radius])} ({ends})"
