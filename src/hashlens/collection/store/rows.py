"""What the catalog holds, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class CatalogState:
    """What the catalog says about the collection as a whole, at one instant.

    Attributes
    ----------
    bits : int
        Code length.
    digest : str
        Digest of the model.
    descriptor_dim : int or None
        Dimensions of the kept descriptors; None if none are kept.
    generation : int
        Generation of the files of records.
    slots : int
        Records in them that count, dead ones included.
    revision : int
        Grows with each change of the collection.
    """

    bits: int
    digest: str
    descriptor_dim: int | None
    generation: int = 1
    slots: int = 0
    revision: int = 0


class ImageRow(NamedTuple):
    """One image file: indexed (it has a slot), or failed (it has a reason)."""

    path: str
    size: int | None
    mtime_ns: int | None
    content: bytes | None
    slot: int | None
    label: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Records that one commit wrote, with the CRC-32 of their bytes."""

    start: int
    count: int
    codes_crc: int
    descriptors_crc: int | None
