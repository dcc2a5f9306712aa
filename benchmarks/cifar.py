"""CIFAR-100 and its descriptors, which are computed if they are not in the cache."""

from __future__ import annotations

from pathlib import Path

from hashlens.cli.console import progress_bar
from hashlens.datasets.dataset import Dataset
from hashlens.datasets.described import DescribedDataset, describe_dataset
from hashlens.datasets.opening import load_dataset
from hashlens.descriptors import Descriptor, load_descriptor
from hashlens.files.cache_folder import cache_folder


def described(
    data: Path, cache: Path | None, descriptor: Descriptor | None = None
) -> tuple[Dataset, DescribedDataset]:
    """Return CIFAR-100 from its parquet files, and its descriptors."""
    dataset = load_dataset("cifar100", data)
    with progress_bar("images") as move:
        return dataset, describe_dataset(
            dataset, descriptor or load_descriptor("default"), cache_folder(cache), move
        )
