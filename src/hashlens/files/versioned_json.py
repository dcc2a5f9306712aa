"""JSON files that state the version of their format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hashlens.errors import FormatError


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
        If there is none.
    FormatError
        If it is no JSON object, states no version or a newer one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} is not a readable JSON file: {error}. {hint}".strip()) from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise FormatError(f"{path} states no format version. {hint}".strip())
    if version > supported:
        raise FormatError(
            f"{path} has the format version {version}; this hashlens reads up to {supported}. "
            "Upgrade it: pip install --upgrade hashlens"
        )
    fields: dict[str, Any] = content
    return fields
