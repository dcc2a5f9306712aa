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


class FileRow(NamedTuple):
    """What is known about the file at one path.

    Attributes
    ----------
    path : str
        Absolute.
    size, mtime_ns, device, inode : int or None
        As in `hashlens.images.FileState`, when it was last seen; None if it could not be read.
    content : bytes or None
        SHA-256 of the file. Files of one content are one image.
    slot : int or None
        The image's record, which all files of this content share; None if it could not be decoded.
    label : str or None
    reason : str or None
        Why the path leads to no image now.
    missing_since : int or None
        When it was first not seen, in seconds since the epoch; None if it was seen.
    reader : str or None
        Versions of the software that could not decode the file; None if it is to be tried again
        each time.
    """

    path: str
    size: int | None
    mtime_ns: int | None
    content: bytes | None
    slot: int | None
    label: str | None = None
    reason: str | None = None
    device: int | None = None
    inode: int | None = None
    missing_since: int | None = None
    reader: str | None = None


class RootRow(NamedTuple):
    """A path to keep up to date.

    Attributes
    ----------
    path : str
        Absolute.
    patterns : tuple of str
        What is left out below it, as in a ``.gitignore`` file, besides the defaults.
    """

    path: str
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """Records that one commit wrote, with the CRC-32 of their bytes."""

    start: int
    count: int
    codes_crc: int
    descriptors_crc: int | None
