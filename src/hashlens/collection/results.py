"""What a collection's operations return."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hashlens.collection.saved_index import IndexState


@dataclass(frozen=True, slots=True)
class Hit:
    """An image that a search found.

    Attributes
    ----------
    path : str
        Absolute; bytes that are no valid UTF-8 are surrogates, as `os.fsdecode` gives them.
    distance : int
        Hamming distance of its code to the query's, in bits.
    euclidean : float or None
        Euclidean distance of its descriptor to the query's, where the search re-ranked.
    label : str or None
        As given when it was indexed.
    """

    path: str
    distance: int
    euclidean: float | None = None
    label: str | None = None


@dataclass(slots=True)
class IndexReport:
    """What `Collection.index` and `Collection.update` did, counted in image files.

    Attributes
    ----------
    added : int
        New or changed images that were encoded.
    reused : int
        New, renamed or touched images whose content was known, so that their code was reused.
    skipped : int
        Images that are as they were (size and modification time), so that they were not read.
    removed : int
        Images that have vanished and were dropped; `update` only.
    failed : list of (path, reason)
        Files and folders that could not be read. None of them is in the way of the others.
    """

    added: int = 0
    reused: int = 0
    skipped: int = 0
    removed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What `Collection.remove` did.

    Attributes
    ----------
    removed : int
        Images that were dropped from the collection; the files are untouched.
    unknown : list of str
        Paths at and below which the collection held nothing.
    """

    removed: int
    unknown: list[str]


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What a collection is and holds.

    Attributes
    ----------
    folder : Path
    images : int
        Images that can be found.
    failed : int
        Files that are remembered as unreadable.
    bits : int
        Code length.
    model : str
        Digest of the model that made the codes.
    descriptor_dim : int or None
        Dimensions of the kept descriptors, None where none are kept.
    roots : list of str
        Files and folders that `Collection.update` looks at.
    excluded : list of str
        Files and folders below them that were removed, so that it leaves them out.
    disk_bytes : int
        Size of the directory, without the model.
    bytes_per_image : int
        Bytes that a scan reads for each image: its code.
    saved_index : {"none", "fresh", "stale", "damaged"}
        Whether `Collection.build_index` has saved an index that is of use: a stale or damaged one
        is ignored until it is built anew. Only its header is read to tell.
    """

    folder: Path
    images: int
    failed: int
    bits: int
    model: str
    descriptor_dim: int | None
    roots: list[str]
    excluded: list[str]
    disk_bytes: int
    bytes_per_image: int
    saved_index: IndexState


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that are near-duplicates of each other, directly or through others of the group.

    Attributes
    ----------
    paths : list of str
        At least two, sorted.
    widest : int
        Largest Hamming distance of a pair that joined the group, in bits: at most the radius.
    """

    paths: list[str]
    widest: int
