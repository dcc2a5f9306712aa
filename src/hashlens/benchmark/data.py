"""From a described data set to the features of a benchmark."""

from __future__ import annotations

from hashlens.benchmark.features import Features
from hashlens.datasets.described import DescribedDataset
from hashlens.labels import one_each

NORMALIZATIONS = {
    "none": "none: the network's output as it is",
    "l2": "unit L2 length",
    "sigmoid": "logistic function, so that values are in [0, 1]",
}


def features_of(data: DescribedDataset, name: str) -> Features:
    """Return the features of a data set, with the facts about its descriptor.

    Parameters
    ----------
    data : DescribedDataset
    name : str
        What file names and titles call the data set.
    """
    spec = data.descriptor.spec
    return Features(
        data.train.vectors,
        one_each(data.train.labels, "A benchmark"),
        data.test.vectors,
        one_each(data.test.labels, "A benchmark"),
        name,
        {
            "backbone and pretraining": spec.name,
            "weights": f"sha256 {spec.weights_sha256[:16]}, frozen, {spec.source}",
            "input": f"{spec.input_size} px, {spec.fit}, {spec.interpolation}",
            "normalization": NORMALIZATIONS[spec.normalization],
            "spec digest": spec.digest[:16],
            "images left out": len(data.train.failed) + len(data.test.failed),
        },
    )
