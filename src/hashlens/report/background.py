"""The page's parts on codes, on what they cost, and on how the model was made."""

from __future__ import annotations

from typing import Any

from hashlens.report import numbers
from hashlens.report.charts import Axis, bar_chart
from hashlens.report.markup import Markup, element, figure, joined, paragraph, table

_CODE_FIGURES = (
    (
        "unique_codes_per_thousand",
        "different codes in a thousand images",
        "1,000: every image has its own; few: codes have collapsed to classes",
    ),
    (
        "bit_imbalance",
        "bit imbalance, mean",
        "0: every bit is on in half of the images; 0.5: none ever changes",
    ),
    ("worst_bit_imbalance", "bit imbalance, worst bit", "0.5: a bit that never changes"),
    ("constant_bits", "bits that never change", "they are wasted"),
    ("bit_correlation", "correlation of bits", "mean absolute; 0: every bit tells something new"),
    (
        "quantization_error",
        "quantization error",
        "mean distance of a descriptor from the mean of those with its code; 0: none share one",
    ),
    (
        "linear_reconstruction_error",
        "variance of descriptors that is lost",
        "what no linear decoder recovers from codes; 0: none, 1: all",
    ),
)


def codes(document: dict[str, Any]) -> Markup:
    """Return what the codes are like, labels aside."""
    figures, bits = document["codes"], document["model"]["bits"]
    ones = [100 * share for share in figures["share_of_ones"]]
    chart = bar_chart(
        f"Share of codes in which each bit is on: from {min(ones):.1f} % to {max(ones):.1f} %",
        ones,
        Axis("bit", 0, bits),
        Axis("on, %", 0, 100),
    )
    rows = [(name, numbers.decimal(figures[key]), meaning) for key, name, meaning in _CODE_FIGURES]
    return joined(
        [
            paragraph(f"Of the {numbers.count(figures['images'])} images that are searched."),
            table("Figures of the codes", ("figure", "value", "how to read it"), rows, text={2}),
            element("div", figure("How often each bit is on", chart), class_="charts"),
        ]
    )


def cost(document: dict[str, Any]) -> Markup:
    """Return bytes, files and seconds."""
    size, speed = document["size"], document["speed"]
    code, vector = size["bytes_per_image"], size["descriptor_bytes_per_image"]
    rows = [
        (
            "a code",
            numbers.file_size(code),
            f"{numbers.file_size(1e6 * code)} for a million images",
        ),
        (
            "a descriptor, for comparison",
            numbers.file_size(vector),
            f"{numbers.file_size(1e6 * vector)} for a million images",
        ),
        (
            "from file to descriptor",
            numbers.seconds(speed["describe_seconds_per_image"]),
            f"decoding and network, mean of {speed['described_images']} images at a time",
        ),
        (
            "from descriptor to code",
            numbers.seconds(speed["encode_seconds_per_image"]),
            f"mean of {numbers.count(speed['encoded_at_a_time'])} images at a time",
        ),
    ]
    files = dict(size["model_files"])
    files["together"] = sum(files.values())
    if size["bundled_network_file"] is not None:
        files["the network, which comes with hashlens"] = size["bundled_network_file"]
    return joined(
        [
            table("An image", ("what", "costs", "in other words"), rows, text={2}),
            table(
                "The model's files",
                ("file", "size"),
                ((name, numbers.file_size(size_)) for name, size_ in files.items()),
            ),
            paragraph(
                "Times were measured on the machine below after training, the fastest of a few "
                "runs; descriptors of known images are read from the cache instead.",
                class_="faint",
            ),
        ]
    )


def settings(document: dict[str, Any]) -> Markup:
    """Return the data, all settings, and the versions that the report was made with."""
    data, model = document["data"], document["model"]
    machine = document["machine"]
    made = {
        "method": model["method"],
        "code length": f"{model['bits']} bits",
        "descriptor": f"{model['descriptor']}, {model['dimension']} dimensions, "
        f"{model['input_size']} × {model['input_size']} pixels",
        **document["settings"],
        "SHA-256 of the model": model["digest"],
    }
    system = {
        **{
            name: value for name, value in machine.items() if name not in ("memory_gib", "packages")
        },
        "memory": f"{machine['memory_gib']} GiB" if machine["memory_gib"] else None,
        "packages": ", ".join(f"{name} {found}" for name, found in machine["packages"].items()),
    }
    return joined(
        [
            _findings(data["findings"]),
            _parts_table(data),
            _facts("The data", {
                "source": data["source"],
                "classes": numbers.count(data["classes"]),
                "labels": "several an image" if data["several_labels_an_image"] else "one an image",
                "images that training was given": numbers.count(data["trained_on"]),
                "digest of the training part": data["digest"],
            }),
            _facts("Settings", made),
            _facts("Machine and versions", system),
        ]
    )  # fmt: skip


def _findings(lines: list[str]) -> Markup | None:
    """Return what was found in the data before training."""
    if not lines:
        return None
    return joined(
        [
            paragraph("Found in the data before training:"),
            element("ul", *(element("li", line) for line in lines), class_="findings"),
        ]
    )


def _parts_table(data: dict[str, Any]) -> Markup:
    return table(
        "Parts of the data",
        ("part", "images used", "smallest class", "largest class"),
        (
            (
                name,
                numbers.count(part["images"]),
                *(
                    f"{numbers.count(part[which]['images'])} ({part[which]['name']})"
                    for which in ("smallest_class", "largest_class")
                ),
            )
            for name, part in data["parts"].items()
        ),
        text={2, 3},
    )


def _facts(caption: str, values: dict[str, Any]) -> Markup:
    rows = (
        (name.replace("_", " "), numbers.shown(value))
        for name, value in values.items()
        if value is not None
    )
    return table(caption, ("what", "value"), rows, text={1})
