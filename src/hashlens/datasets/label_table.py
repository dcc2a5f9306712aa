"""Labeled images listed in a CSV file: one per line, with its labels and optionally its part."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from hashlens.arrays import AnyLabels, Rows
from hashlens.datasets.dataset import Dataset, ImageFiles, ImageSubset
from hashlens.datasets.parts import PART_NAMES, Part, PartName, join_parts, part_named
from hashlens.errors import DataError

PART_COLUMNS = ("split", "part")
"""Names of the column that says in which part an image is; the first that a table has counts."""
SEPARATOR = "|"
"""Separates the labels of an image that has several."""
_NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class LabeledPath:
    """One line of a table.

    Attributes
    ----------
    path : Path
        Below the table's folder, unless it is absolute.
    labels : tuple of str
        Ascending, each once.
    part : str
        "train", "validation", "test", or "" if the table has no column ``split`` or ``part``.
    """

    path: Path
    labels: tuple[str, ...]
    part: PartName | Literal[""]

    @property
    def label(self) -> str:
        """The labels as the table writes them."""
        return SEPARATOR.join(self.labels)


def load_label_table(table: Path, seed: int = 0) -> Dataset:
    """Open the images that a CSV file lists, see `read_label_table`.

    Parameters
    ----------
    table : Path
    seed : int
        Seed of the test part, if the table names none.

    Raises
    ------
    DataError
        If the table is not as expected, or has fewer than two labels.
    """
    classes, images, named = _opened(table)
    rows_of: dict[PartName, Rows] = {
        part: np.flatnonzero(named == part)
        for part in ("train", "validation", "test")
        if (named == part).any()
    }
    if not rows_of:
        rows_of = {"train": np.arange(len(named))}
    elif len(rows_of) == 1:
        raise DataError(
            f"The table {table} puts all images in one part: {named[0]!r}. Leave the column out to "
            "have a fifth of every class as the test part."
        )
    parts = {part: Part(classes, ImageSubset(images, rows)) for part, rows in rows_of.items()}
    return join_parts(parts, str(table), seed)


def open_label_table(table: Path) -> Part:
    """Open the images that a CSV file lists as one part, whatever it says of parts."""
    classes, images, _ = _opened(table)
    return Part(classes, images)


def _opened(table: Path) -> tuple[tuple[str, ...], ImageFiles, npt.NDArray[np.str_]]:
    """Return the classes, the images, and the part that is named for each."""
    rows = read_label_table(table)
    classes = tuple(sorted({label for row in rows for label in row.labels}))
    if len(classes) < 2:
        raise DataError(f"The table {table} needs at least two labels. Got only {classes[0]!r}.")
    images = ImageFiles([row.path for row in rows], _numbered(rows, classes))
    return classes, images, np.array([row.part for row in rows])


def _numbered(rows: list[LabeledPath], classes: tuple[str, ...]) -> AnyLabels:
    """Return labels, int64 (n,); if an image has several, a table, bool (n, classes)."""
    number = {name: label for label, name in enumerate(classes)}
    if all(len(row.labels) == 1 for row in rows):
        return np.array([number[row.labels[0]] for row in rows], dtype=np.int64)
    table = np.zeros((len(rows), len(classes)), dtype=np.bool_)
    for image, row in enumerate(rows):
        table[image, [number[name] for name in row.labels]] = True
    return table


def read_label_table(table: Path) -> list[LabeledPath]:
    """Read a CSV file whose first line names its columns.

    Parameters
    ----------
    table : Path
        In UTF-8, with the columns ``path`` and ``label`` and optionally ``split`` or ``part``,
        which names the part of every image: see `hashlens.datasets.parts.PART_NAMES`. Other columns
        are ignored. Several labels of an image are one value, ``cat|sofa``.

    Raises
    ------
    DataError
        If a column or a value is missing, an image is listed twice with different labels or in two
        parts, or a file does not exist. Faults of one kind are reported together.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_rows(table, file))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{table} is neither a folder nor a CSV table: it is not text in UTF-8. Expected a "
            "first line that names the columns path and label. Save a table in another encoding as "
            "UTF-8 first."
        ) from error
    except (OSError, csv.Error) as error:
        raise DataError(f"The table {table} can't be read: {error}") from error
    if not rows:
        raise DataError(f"The table {table} lists no images.")
    seen: dict[Path, LabeledPath] = {}
    clashes = [
        f"{row.path} ({seen[row.path].label!r} and {row.label!r})"
        for row in rows
        if seen.setdefault(row.path, row) != row
    ]
    _refuse(
        table,
        clashes,
        "lists images under two labels or in two parts",
        "Keep one line for each; an image that has both labels is one line with 'a|b'.",
    )
    missing = [str(path) for path in seen if not path.is_file()]
    _refuse(
        table,
        missing,
        "labels files that do not exist",
        "Paths are relative to the table's folder. Remove these lines, or fix the paths.",
    )
    return list(seen.values())


def _rows(table: Path, lines: Iterator[str]) -> Iterator[LabeledPath]:
    reader = csv.DictReader(lines, strict=True)
    columns = reader.fieldnames or []
    part_column = next((name for name in PART_COLUMNS if name in columns), None)
    if not {"path", "label"} <= set(columns):
        raise DataError(
            f"The first line of the table {table} must name the columns path and label. "
            f"Got: {', '.join(columns) or 'nothing'}."
        )
    for row in reader:
        path, label = row["path"], row["label"]
        labels = {name.strip() for name in (label or "").split(SEPARATOR)}
        part = part_named(row.get(part_column) or "") if part_column is not None else ""
        if not path or "" in labels or None in row:
            raise DataError(
                f"{table}, line {reader.line_num}: expected {len(columns)} values, a path and a "
                f"label among them. Got {[value for value in row.values() if value]}."
            )
        if part is None:
            raise DataError(
                f"{table}, line {reader.line_num}: the {part_column} must be one of "
                f"{', '.join(PART_NAMES)}. Got {row.get(part_column or '')!r}. If this column is "
                "about something else, rename it."
            )
        yield LabeledPath(table.parent / path, tuple(sorted(labels)), part)


def _refuse(table: Path, wrong: list[str], what: str, mend: str) -> None:
    if wrong:
        more = f" and {len(wrong) - _NAMED_AT_MOST:,} more" if len(wrong) > _NAMED_AT_MOST else ""
        raise DataError(
            f"The table {table} {what}: {', '.join(wrong[:_NAMED_AT_MOST])}{more}. {mend}"
        )
