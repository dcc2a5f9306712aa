"""Small JSON files that are either whole or not there, and fingerprints of what made them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hashlens.errors import FormatError
from hashlens.files.atomic import replacing


def write_json(path: Path, document: Any, indent: int | None = 1) -> None:
    """Write ``document`` so that a kill at any moment leaves the old file or the new one.

    Parameters
    ----------
    path : Path
        Its folder is made where it does not exist.
    document : anything that JSON holds
        Floats are written as they are; NaN is refused.
    indent : int or None
        Spaces a level; None puts all on one line.

    Raises
    ------
    HashlensError
        If it can't be written, for instance because the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=indent, allow_nan=False, ensure_ascii=False) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """Return the document of ``path``.

    Raises
    ------
    FormatError
        If the file is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{path} is not a JSON file of a benchmark: {error}. Remove it to compute it again."
        ) from error


def fingerprint(facts: Any) -> str:
    """Return a short digest of facts, the same for equal facts in any order of keys.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def remembered(path: Path, key: str) -> Any | None:
    """Return the document of ``path`` if it was made from facts of this fingerprint, else None."""
    if not path.exists():
        return None
    document = read_json(path)
    if isinstance(document, dict) and document.get("fingerprint") == key:
        return document
    return None
