"""Sizes on the page are those that the command line prints."""

import pytest
from rich.filesize import decimal

from hashlens.report.formatting import file_size


@pytest.mark.parametrize(
    "size", [0, 1, 8, 999, 1000, 1001, 5120, 999_000, 10**6, 13_300_000, 10**9, 5 * 10**12]
)
def test_sizes_are_those_of_rich(size):
    assert file_size(size).replace("\N{NO-BREAK SPACE}", " ") == decimal(size)
