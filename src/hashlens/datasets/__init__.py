"""Labeled data: opened, checked, split by protocol, described once and cached."""

from hashlens.datasets.checking import check_dataset, check_protocol
from hashlens.datasets.dataset import Dataset, LabeledImages
from hashlens.datasets.described import (
    AnyData,
    DescribedDataset,
    DescribedImages,
    describe_checked,
    describe_dataset,
)
from hashlens.datasets.findings import MAX_UNUSABLE, DataCheck
from hashlens.datasets.opening import load_dataset
from hashlens.datasets.protocols import PROTOCOLS, Split, make_split, selection_split

__all__ = [
    "MAX_UNUSABLE",
    "PROTOCOLS",
    "AnyData",
    "DataCheck",
    "Dataset",
    "DescribedDataset",
    "DescribedImages",
    "LabeledImages",
    "Split",
    "check_dataset",
    "check_protocol",
    "describe_checked",
    "describe_dataset",
    "load_dataset",
    "make_split",
    "selection_split",
]
