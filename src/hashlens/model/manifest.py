"""What the entries of ``model.json`` must be, checked before any of them is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hashlens.errors import FormatError

_REQUIRED: dict[str, type] = {
    "digest": str,
    "descriptor": dict,
    "hasher": dict,
    "arrays": str,
    "arrays_sha256": str,
}
_OPTIONAL: dict[str, type] = {
    "network": str,
    "network_sha256": str,
    "network_in_digest": bool,
    "training": dict,
    "metrics": dict,
}
_OF_HASHER: dict[str, type] = {"name": str, "parameters": dict}
_KINDS: dict[type, str] = {str: "text", dict: "an object", bool: "true or false"}


def check_manifest(manifest: dict[str, Any], path: Path) -> None:
    """Refuse a manifest that lacks an entry, or has one of another kind.

    Raises
    ------
    FormatError
        Names the entry; the message contains ``path``.
    """
    _check(manifest, _REQUIRED, path)
    _check({**_EMPTY, **manifest}, _OPTIONAL, path)
    _check(manifest["hasher"], _OF_HASHER, path)
    if ("network" in manifest) != ("network_sha256" in manifest):
        raise FormatError(f"{path} names a network or its checksum, and lacks the other.")


_EMPTY: dict[str, Any] = {name: kind() for name, kind in _OPTIONAL.items()}


def _check(entries: dict[str, Any], kinds: dict[str, type], path: Path) -> None:
    for name, kind in kinds.items():
        if name not in entries:
            raise FormatError(f"{path} lacks the entry {name!r}.")
        if type(entries[name]) is not kind:
            raise FormatError(
                f"The entry {name!r} of {path} must be {_KINDS[kind]}. "
                f"Got {str(entries[name])[:80]!r} instead."
            )
