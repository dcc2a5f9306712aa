"""The folder in which a benchmark keeps all that it measured, one JSON file per result."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from filelock import FileLock

from hashlens.benchmark.features import Features
from hashlens.errors import DataError, FormatError
from hashlens.files.versioned_json import write_json

FORMAT = 3
"""Version of what is measured and how rows are written; other versions are measured again."""

Rows: TypeAlias = list[dict[str, Any]]


class ResultCache:
    """Rows that were measured, by the facts that they depend on.

    Several processes may share a folder: whoever measures a result holds its lock.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    features : Features
    split_seed : int

    Raises
    ------
    DataError
        If the folder holds results of other descriptors.
    """

    def __init__(self, folder: Path, features: Features, split_seed: int) -> None:
        self.folder = folder
        self._facts = (FORMAT, features.digest, split_seed)
        (folder / "locks").mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            _claim(folder / "features.json", features)

    def rows(
        self, path: str, facts: Any, measure: Callable[[], Rows], *, wait: bool
    ) -> tuple[Rows, float]:
        """Return rows and the seconds that they took, measuring them if they are not kept.

        Parameters
        ----------
        path : str
            Relative to the folder.
        facts : anything that JSON holds
            What the rows depend on, besides the descriptors and the seed of the splits.
        measure : callable
        wait : bool
            Whether to wait for another process that is measuring the same rows.

        Raises
        ------
        filelock.Timeout
            If another process is measuring them and ``wait`` is not set.
        FormatError
            If the file is damaged.
        """
        file, key = self.folder / path, fingerprint([*self._facts, facts])
        kept = _kept(file, key)
        if kept is None:
            lock = self.folder / "locks" / f"{fingerprint([path, key])}.lock"
            with FileLock(lock, timeout=-1 if wait else 0):
                kept = _kept(file, key) or _measured(file, key, measure)
        return kept["rows"], kept["seconds"]


def fingerprint(facts: Any) -> str:
    """Return a short digest of facts that does not depend on the order of keys.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(facts, sort_keys=True, default=str, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _measured(file: Path, key: str, measure: Callable[[], Rows]) -> dict[str, Any]:
    start = time.perf_counter()
    rows = measure()
    kept = {"fingerprint": key, "rows": rows, "seconds": round(time.perf_counter() - start, 3)}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, kept, indent=1)
    return kept


def _kept(file: Path, key: str) -> dict[str, Any] | None:
    """Return what a file holds if it was measured from the same facts."""
    content = _read(file) if file.exists() else {}
    return content if content.get("fingerprint") == key else None


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(
            f"{file} is not a JSON file of a benchmark: {error}. Remove it to measure it again."
        ) from error
    return content if isinstance(content, dict) else {}


def _claim(marker: Path, features: Features) -> None:
    """Write which descriptors the folder's results are of, or refuse results of others."""
    if not marker.exists():
        write_json(marker, {"digest": features.digest, "descriptor": dict(features.descriptor)})
        return
    held = str(_read(marker).get("digest"))
    if held != features.digest:
        raise DataError(
            f"{marker.parent} holds results of other descriptors or another data set (digest "
            f"{held[:12]}, expected {features.digest[:12]}). "
            "Choose another folder with --out, or remove this one."
        )
