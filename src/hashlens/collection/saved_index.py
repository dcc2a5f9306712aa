"""The file of a collection's index: of which codes it is, and whether those are still the same."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hashlens.collection.store import Catalog, CatalogState, Snapshot, Storage
from hashlens.errors import CollectionError, FormatError
from hashlens.files.atomic import remove_partials, replacing
from hashlens.indexes import AutoIndex, MultiIndex
from hashlens.indexes.disk.index_file import read_about

FILE_NAME = "codes.index"

IndexState = Literal["none", "fresh", "stale", "damaged"]


@dataclass(frozen=True, slots=True)
class SavedIndex:
    """What the header of the file of an index says.

    Attributes
    ----------
    state : {"none", "fresh", "stale", "damaged"}
        There is no file; it is of the first codes of the collection, so that those which were
        appended need only be added; it is of other codes; or its header can't be read.
    rows : int
        Codes that it covers, removed ones included; 0 where it is not fresh.
    source : str
        Names those codes; empty where it is not fresh.
    """

    state: IndexState
    rows: int = 0
    source: str = ""


def examine(path: Path, catalog: Catalog) -> SavedIndex:
    """Return what can be said of a collection's index without reading more than its header."""
    try:
        if not path.exists():
            return SavedIndex("none")
        about = read_about(path)
    except (FormatError, OSError):
        return SavedIndex("damaged")
    rows, source = about.get("rows"), about.get("source")
    if isinstance(rows, int) and isinstance(source, str) and source == source_of(catalog, rows):
        return SavedIndex("fresh", rows, source)
    return SavedIndex("stale")


def source_of(catalog: Catalog, rows: int) -> str | None:
    """Return a text that no other first ``rows`` codes have; None where no commit ended there.

    It names the model and the generation of the file, and digests the checksums of the commits that
    wrote these codes. Codes that count are never overwritten, so it stays true until compaction.
    """
    state = catalog.state()
    digest = hashlib.sha256()
    covered = 0
    for segment in catalog.segments():
        if segment.start + segment.count > rows:
            break
        digest.update(f"{segment.start} {segment.count} {segment.codes_crc}\n".encode())
        covered += segment.count
    if covered != rows:
        return None
    return _source(state, rows, digest.hexdigest())


def write_index(storage: Storage, path: Path) -> tuple[AutoIndex, Snapshot]:
    """Build an index of all images and save it; return it, and what it is of.

    The caller holds the writer's lock. Whoever reads meanwhile sees the old file or the new one.

    Raises
    ------
    CollectionError
        If there is too little memory.
    HashlensError
        If the disk is full or fails; an older index stays.
    """
    with storage.snapshot() as snapshot:
        source = source_of(storage.catalog, snapshot.state.slots)
    if source is None:
        raise FormatError(
            f"{storage.catalog.path} is damaged: its checksums do not cover the codes. "
            "Run: hashlens info --verify"
        )
    remove_partials(path)  # Left by a build that was killed.
    # Codes stay mapped although the snapshot is closed, and nobody else can write. Missing images
    # are in the file too, for they may come back.
    index = AutoIndex.from_codes(snapshot.codes, snapshot.dead, background=False)
    try:
        with replacing(path) as partial:
            index.save(partial, source=source)
            # All who may read the codes may read the index, and nobody else.
            shutil.copymode(storage.catalog.path, partial)
    except MemoryError as error:
        raise CollectionError(f"Building {path} failed: there is too little memory.") from error
    index.remove(snapshot.hidden)
    return index, snapshot


def damage_of_index(path: Path) -> list[str]:
    """Read the file of an index, and return what is wrong with it, a sentence each."""
    if not path.exists():
        return []
    try:
        about = read_about(path)
        MultiIndex.load(path, source=str(about.get("source")))
    except FormatError as error:
        return [str(error)]
    return []


def _source(state: CatalogState, rows: int, checksums: str) -> str:
    return f"model {state.digest}, generation {state.generation}, {rows} codes {checksums}"
