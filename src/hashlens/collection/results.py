"""What a collection's operations return."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hashlens.collection.saved_index import IndexState
from hashlens.images import PassedOver


@dataclass(frozen=True, slots=True)
class Hit:
    """An image that a search found.

    Attributes
    ----------
    path : str
        Absolute; bytes that are not valid UTF-8 are surrogates, as `os.fsdecode` gives them.
    distance : int
        Hamming distance of its code to the query's, in bits.
    euclidean : float or None
        Euclidean distance of its descriptor to the query's, where the search re-ranked.
    label : str or None
        As given when it was indexed.
    others : tuple of str
        Further paths of the same content, sorted: copies and links.
    """

    path: str
    distance: int
    euclidean: float | None = None
    label: str | None = None
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class IndexReport:
    """What `Collection.index` and `Collection.update` did, counted in image files.

    Attributes
    ----------
    added : int
        New or changed images that were encoded.
    reused : int
        New, renamed or touched files whose content was known, so that its code was reused.
    unchanged : int
        Files that are as they were (size and modification time), so that they were not read.
    missing : int
        Images of the collection whose files could not be seen when they were last looked for. They
        are kept, are not found by searches, and come back when a file of theirs is seen again.
    unreadable : list of (path, reason)
        Files and folders that could not be read. None of them is in the way of the others.
    passed_over : PassedOver
        What was left out of folders, by reason and suffix.
    """

    added: int = 0
    reused: int = 0
    unchanged: int = 0
    missing: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    passed_over: PassedOver = field(default_factory=PassedOver)


@dataclass(frozen=True, slots=True)
class RemoveReport:
    """What `Collection.remove` did.

    Attributes
    ----------
    removed : int
        Files that were taken out of the collection; an image is removed with its last file. The
        files themselves are untouched.
    unknown : list of str
        Paths at and below which the collection held nothing.
    """

    removed: int
    unknown: list[str]


@dataclass(frozen=True, slots=True)
class MissingImages:
    """Images of one root whose files were not seen when they were last looked for.

    Attributes
    ----------
    root : str
        The root, or the folder of a file that is below none.
    images : int
    since : str
        When the first of them was first not seen: date and time in UTC, ISO 8601.
    away : bool
        Whether the root itself is missing or empty now, as where a share is not mounted.
    """

    root: str
    images: int
    since: str
    away: bool


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What `Collection.prune` removed or, as a dry run, would remove.

    Attributes
    ----------
    images : int
        Images all of whose files are removed.
    files : int
        Paths that are forgotten, former names of images that are still there included.
    missing : list of MissingImages
        The images, by root.
    """

    images: int
    files: int
    missing: list[MissingImages]


@dataclass(frozen=True, slots=True)
class MoveReport:
    """What `Collection.move` rewrote.

    Attributes
    ----------
    files : int
        Paths of files.
    roots : int
        Paths of roots and of what was removed below them.
    """

    files: int
    roots: int


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What a collection is and holds.

    Attributes
    ----------
    folder : Path
    images : int
        Images that can be found.
    missing : int
        Images whose files were not seen when they were last looked for.
    missing_below : list of MissingImages
        The missing ones, by root.
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
    patterns : dict of str to list of str
        Patterns of what is left out below a root, besides the defaults.
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
    missing: int
    missing_below: list[MissingImages]
    failed: int
    bits: int
    model: str
    descriptor_dim: int | None
    roots: list[str]
    excluded: list[str]
    patterns: dict[str, list[str]]
    disk_bytes: int
    bytes_per_image: int
    saved_index: IndexState


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that are near-duplicates of each other, directly or through others of the group.

    Attributes
    ----------
    paths : list of str
        One path of each file: at least two, sorted.
    widest : int
        Largest Hamming distance of a pair that joined the group, in bits: at most the radius. Where
        an image has more than 32 others within the radius, not all of its pairs are looked at.
    identical : list of list of str
        Those of the paths whose files are byte-identical, in sets of at least two.
    links : dict of str to list of str
        Further names of the same files, by path: symbolic and hard links. Deleting one of them
        frees no space, and deleting the file breaks them.
    """

    paths: list[str]
    widest: int
    identical: list[list[str]] = field(default_factory=list)
    links: dict[str, list[str]] = field(default_factory=dict)
