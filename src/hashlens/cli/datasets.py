"""Labeled data on the command line: opened, checked, described, and what was found said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hashlens.cli.console import progress_bar, report_failures
from hashlens.datasets.checking import check_dataset
from hashlens.datasets.dataset import Dataset
from hashlens.datasets.described import DescribedDataset, describe_dataset
from hashlens.datasets.findings import MAX_UNUSABLE, DataCheck
from hashlens.datasets.load import load_dataset
from hashlens.datasets.protocols import make_split
from hashlens.descriptors import Descriptor
from hashlens.errors import DataError
from hashlens.files.cache_folder import cache_folder

NAME_ALL = "hashlens train DATA --check --json"
"""The command that names every image which can't be used."""
_FEWEST = 5
"""Images that a search needs: precision is measured of its first five answers."""


def opened(data: str, folder: Path | None, decode: bool = False) -> tuple[Dataset, DataCheck]:
    """Open a data set and look at its images; return what can be used, and what was found.

    Parameters
    ----------
    data : str
        As `load_dataset` takes it.
    folder : Path, optional
        Where a data set given by name lies.
    decode : bool
        Whether to decode all images.
    """
    with progress_bar("images") as move:
        return check_dataset(load_dataset(data, folder), decode, move)


def check_protocol(dataset: Dataset, protocol: str, split_seed: int) -> None:
    """Refuse a protocol that does not exist, or by which the data can't be measured.

    Raises
    ------
    ParameterError, DataError
    """
    split = make_split(protocol, dataset.train.labels, dataset.test.labels, split_seed)
    if len(split.database) < _FEWEST:
        raise DataError(
            f"The protocol {protocol!r} leaves {len(split.database)} images of {dataset.source} to "
            f"be searched. Expected at least {_FEWEST}, of which precision is measured: add images."
        )


def described(
    dataset: Dataset,
    check: DataCheck,
    network: Descriptor,
    cache: Path | None,
    most: float | None = MAX_UNUSABLE,
) -> DescribedDataset:
    """Describe a checked data set, with a bar, and name the images that can't be decoded.

    Parameters
    ----------
    dataset, check
        Of `opened`.
    network : Descriptor
    cache : Path, optional
    most : float, optional
        Share of unusable images beyond which to refuse the data; None for no limit.
    """
    with progress_bar("images") as move:
        data = describe_dataset(dataset, network, cache_folder(cache), move)
    failed = [*data.train.failed, *data.test.failed]
    report_failures(failed, NAME_ALL)
    check = check.with_unreadable(failed)
    if most is not None:
        check.check_limit(most)
    return replace(data, check=check)
