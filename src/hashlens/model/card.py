"""The model card: what a model directory says about itself, in plain Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashlens.files.atomic import replacing
from hashlens.model.calibration_file import ModelCalibration

if TYPE_CHECKING:
    from hashlens.model.model import Model

CARD_FILE = "MODEL_CARD.md"
REPORT_PAGE = "report.html"
REPORT_DATA = "report.json"
"""The report of the training, in the model directory where there is one."""

_PRECISIONS = (0.9, 0.95, 0.99)

_PROTOCOLS = {
    "standard": "trained on the training images, which are then searched with test images: close "
    "to classification, and no evidence about classes that were not trained on",
    "heldout": "trained on a part of each class's training images; other images of these classes "
    "are searched",
    "unseen": "trained on some of the classes; images of the other classes are searched",
}


def write_model_card(model: Model, folder: Path) -> None:
    """Write ``MODEL_CARD.md`` into a model directory, whole or not at all.

    Raises
    ------
    HashlensError
        If it can't be written.
    """
    folder = Path(folder)
    with replacing(folder / CARD_FILE) as partial:
        partial.write_text(model_card(model, (folder / REPORT_PAGE).is_file()), encoding="utf-8")


def model_card(model: Model, report: bool = False) -> str:
    """Return the model card of an model: a pure function of what it knows about itself.

    Parameters
    ----------
    model : Model
    report : bool
        Whether the report of its training lies beside the card, so that it is linked to.
    """
    supervised = model.hasher.learns_from_labels
    sections = [
        f"# A hashlens model: {model.hasher.name}, {model.bits} bits\n\n"
        f"It turns an image into a binary code of {model.bits} bits. Images whose codes differ "
        "in few bits are alike.",
        _table("What it is", _identity(model)),
        _table("How it was made", _making(model)),
        _figures(model.metrics) + (_REPORT if report else ""),
        _calibration(model.calibration, model.digest),
        _USE,
        _license(model),
        _limits(model, supervised),
    ]
    return "\n\n".join(sections) + "\n"


def _identity(model: Model) -> dict[str, Any]:
    spec = model.spec
    return {
        "method": model.hasher.name,
        "code length": f"{model.bits} bits",
        "descriptor": f"{spec.name}, {spec.dimension} dimensions",
        "input": f"{spec.input_size} × {spec.input_size} pixels, {spec.fit}, {spec.interpolation}",
        "SHA-256 of the model": f"`{model.digest}`",
        "SHA-256 of the descriptor's weights": f"`{spec.weights_sha256}`",
    }


def _making(model: Model) -> dict[str, Any]:
    training = model.training
    parameters = model.hasher.get_params()
    protocol = training.get("protocol")
    rows: dict[str, Any] = {
        "data": training.get("data", "not recorded"),
        "digest of the data": f"`{training['data_digest']}`" if "data_digest" in training else None,
        "classes": _count(training.get("classes")),
        "images trained on": _count(training.get("images")),
        "protocol": f"{protocol}: {_PROTOCOLS.get(protocol, 'see docs')}" if protocol else None,
        "seed of the split": training.get("split_seed"),
        "seed of the method": parameters.get("random_state"),
        "parameters": ", ".join(
            f"`{name}={value!r}`"
            for name, value in parameters.items()
            if name not in ("bits", "random_state")
        ),
        "epochs": len(training["epochs"]) if training.get("epochs") else None,
        "training time": f"{training['seconds']} s" if "seconds" in training else None,
    }
    told = {"method", "data", "data_digest", "classes", "images", "protocol", "split_seed",
            "epochs", "seconds"}  # fmt: skip
    rows |= {
        name.replace("_", " "): value
        for name, value in training.items()
        if name not in told and isinstance(value, (str, int, float))
    }
    return rows


def _figures(metrics: dict[str, Any]) -> str:
    if "precision_at_5" not in metrics:
        return (
            "## What it measured\n\nNothing is recorded. Measure it on labeled images of your own "
            "with `hashlens evaluate MODEL DATA`."
        )
    codes = metrics.get("codes", {})
    unique = codes.get("unique_codes_per_thousand")
    rows = {
        "data": metrics.get("data"),
        "split": metrics.get("split"),
        "top-5 precision": f"{_percent(metrics['precision_at_5'])} (worst order of ties "
        f"{_percent(metrics.get('precision_at_5_low'))}, "
        f"best {_percent(metrics.get('precision_at_5_high'))})",
        "mean average precision": _percent(metrics.get("map")),
        "different codes a thousand images": None if unique is None else f"{unique:.0f}",
    }
    return (
        f"{_table('What it measured', rows)}\n\n"
        "Precision is the expectation over all orders of images whose codes tie."
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
        f"{title}\n\nMeasured on {calibration.data}: {calibration.images}. Of random pairs, "
        f"{_percent(pairs.chance)} have one label. Intervals: {100 * pairs.confidence:g} %, "
        f"bootstrap over images, seed {pairs.seed}.\n",
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


def _license(model: Model) -> str:
    spec = model.spec
    license = spec.license or "not recorded: find out before you pass the model on"
    return (
        "## License\n\n"
        f"- Weights of the descriptor: {license}. Source: {spec.source or 'not recorded'}.\n"
        "- The hash was learned from the data above. Whether it may be passed on also depends on "
        "the rights in these images."
    )


def _limits(model: Model, supervised: bool) -> str:
    lines = [
        "A code keeps what the descriptor sees. It was not made to recognize people, to read text, "
        "or to tell apart objects that differ in a detail.",
        f"All that is seen of an image is {model.spec.input_size} × {model.spec.input_size} "
        "pixels: small objects in large pictures are lost.",
    ]
    if supervised:
        lines.append(
            "It was trained on labels. Images that are no example of any of its classes are likely "
            "to be given the code of one of them."
        )
    if model.training.get("protocol") == "standard" and supervised:
        lines.append(
            "Its figures are of classes that it was trained on; expect less of others. `--protocol "
            "unseen` measures how much."
        )
    lines.append(
        "Figures are of the data named above. Other photographs, other classes, or another mix of "
        "them give others: measure on your own."
    )
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _table(title: str, rows: dict[str, Any]) -> str:
    lines = [f"## {title}", "", "| | |", "|---|---|"]
    lines += [
        f"| {name} | {_cell(value)} |" for name, value in rows.items() if value not in (None, "")
    ]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _count(value: Any) -> str | None:
    return None if value is None else f"{value:,}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def _interval(curve: Any, low: Any, high: Any, radius: int) -> str:
    ends = f"{_percent(low[radius])} to {_percent(high[radius])}"
    return f"{_percent(curve[radius])} ({ends})"
