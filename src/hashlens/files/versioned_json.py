"""JSON files: written whole or not at all, read with a check of the version that they state."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from hashlens.errors import FormatError
from hashlens.files.atomic import replacing
from hashlens.files.regular import read_regular

MAX_JSON_BYTES = 64 << 20
"""Larger files are refused: 64 MiB. A model's manifest has a few kB, a report some MB."""


def read_versioned(path: Path, supported: int, hint: str = "") -> dict[str, Any]:
    """Return the fields of a file whose ``format_version`` is at most ``supported``.

    Parameters
    ----------
    path : Path
    supported : int
    hint : str
        What to do about a damaged file: a sentence.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FormatError
        If it is not a regular file with a JSON object of at most `MAX_JSON_BYTES`, or states no
        version or a newer one.
    """
    content = read_object(path, hint)
    version = content.get("format_version")
    if type(version) is not int:
        raise FormatError(f"{path} states no format version. {hint}".strip())
    if version > supported:
        raise FormatError(
            f"{path} has the format version {version}; this hashlens reads up to {supported}. "
            "Upgrade it: pip install --upgrade hashlens"
        )
    return content


def read_object(path: Path, hint: str = "") -> dict[str, Any]:
    """Return the fields of a file that holds a JSON object, with finite numbers only.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FormatError
        If it is not a regular file with a JSON object of at most `MAX_JSON_BYTES`.
    """
    try:
        text = read_regular(path, MAX_JSON_BYTES).decode("utf-8")
        content = json.loads(text, parse_float=_finite, parse_int=_finite_int, parse_constant=_no)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not a readable JSON file: {error}. {hint}".strip()) from error
    if not isinstance(content, dict):
        found = type(content).__name__
        raise FormatError(f"{path} must hold a JSON object. Got {found} instead. {hint}".strip())
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is out of range")
    return value


def _finite_int(text: str) -> int:
    _finite(text)  # An int of any length would overflow where a float is made of it.
    return int(text)


def _no(constant: str) -> None:
    raise ValueError(f"{constant} is not a number of JSON")


def write_json(path: Path, document: Any, indent: int | None = None) -> None:
    """Write a document so that a kill at any moment leaves the old file or the new one.

    Parameters
    ----------
    path : Path
    document : anything that JSON holds
    indent : int or None
        Spaces per level; None puts everything on one line.

    Raises
    ------
    ValueError
        If the document holds NaN or infinity, which JSON does not have.
    ParameterError, HashlensError
        If it can't be written, see `hashlens.files.atomic.replacing`.
    """
    text = json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
