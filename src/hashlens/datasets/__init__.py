"""Labelled data: opened, checked, split by protocol, described once and cached."""

from hashlens.datasets.dataset import Dataset, LabeledImages, load_dataset
from hashlens.datasets.described import DescribedDataset, DescribedImages, describe_dataset
from hashlens.datasets.protocols import PROTOCOLS, Split, make_split, selection_split

__all__ = [
    "PROTOCOLS",
    "Dataset",
    "DescribedDataset",
    "DescribedImages",
    "LabeledImages",
    "Split",
    "describe_dataset",
    "load_dataset",
    "make_split",
    "selection_split",
]
