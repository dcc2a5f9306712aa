"""A collection's directory: the catalog and the files of records, changed together or not at all.

A change is written in this order: records to the end of their files, fsync, then the catalog's
transaction that refers to them. Killed at any instant, the catalog refers to complete records
only, and what is behind them is overwritten by the next writer.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from hashlens.arrays import Codes, Ids
from hashlens.collection.store.catalog import FILE_NAME, Catalog, is_catalog
from hashlens.collection.store.commits import copy_records, layouts_of, write_segment
from hashlens.collection.store.creation import begin_creation, check_vacant, end_creation
from hashlens.collection.store.lock import WriterLock
from hashlens.collection.store.rows import CatalogState, FileRow, Segment
from hashlens.errors import CollectionError, FormatError
from hashlens.files.atomic import sync_folder
from hashlens.files.disk_errors import disk_errors
from hashlens.files.records import RecordFile, Records

_COMPACT_SHARE, _COMPACT_SLOTS = 0.25, 1024
"""Compaction starts when this share of the slots, and this many, are dead."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file to be written to the collection.

    Attributes
    ----------
    row : FileRow
        Its slot is ignored where there is a code. Without code, slot and reason, it gets the slot
        of the image with its content.
    code : uint8 array of shape (bits / 8,), or None
        Of a new image; None where there is none, or the image has a slot already.
    descriptor : float array of shape (descriptor_dim,), or None
        Where the collection keeps descriptors.
    """

    row: FileRow
    code: Codes | None = None
    descriptor: Records | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The collection at one instant, for reading.

    Attributes
    ----------
    state : CatalogState
    codes : uint8 array of shape (slots, bits / 8), read-only
        A view of the file.
    descriptors : float16 array of shape (slots, descriptor_dim), read-only, or None
    dead : int64 array
        Slots that hold no image any more, ascending.
    hidden : int64 array
        Slots of images that are missing, ascending: their files were not seen.
    absent : int64 array
        Slots that searches must not find, ascending: dead and hidden ones.
    """

    state: CatalogState
    codes: Codes
    descriptors: Records | None
    dead: Ids
    hidden: Ids
    absent: Ids

    @property
    def live(self) -> Ids:
        """Slots of images that can be found, ascending."""
        return np.delete(np.arange(self.state.slots), self.absent)

    @property
    def kept(self) -> Ids:
        """Slots that hold an image, missing ones included, ascending."""
        return np.delete(np.arange(self.state.slots), self.dead)


class Storage:
    """The directory of one collection, open for reading or writing.

    Parameters
    ----------
    folder : Path
    write : bool
        Writers exclude each other; readers are never kept out.

    Raises
    ------
    CollectionError
        If there is no collection in ``folder``.
    CollectionLockedError
        If ``write`` and another writer is at work.
    FormatError, ModelMismatchError
        If one of its files is damaged, foreign, or of another version.
    """

    def __init__(self, folder: Path, write: bool = False) -> None:
        if not is_catalog(folder):
            raise CollectionError(
                f"There is no collection in {folder}: expected its {FILE_NAME}. Make one with: "
                "hashlens index PATH..."
            )
        self.folder = folder
        self._files: dict[str, RecordFile] = {}
        self._changing = threading.RLock()
        self._absent: tuple[int, tuple[Ids, Ids, Ids]] | None = None
        self._lock = WriterLock(folder) if write else None
        if self._lock is not None:
            self._lock.acquire()
        try:
            self.catalog = Catalog(folder, write)
            self._open_files(self.catalog.state())
            if write:
                self._remove_strays()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(
        cls, folder: Path, state: CatalogState, prepare: Callable[[Path], None] | None = None
    ) -> Self:
        """Make the directory of an empty collection, and open it for writing.

        Parameters
        ----------
        folder : Path
            A new or empty directory, or one whose creation was interrupted.
        state : CatalogState
        prepare : callable, optional
            Called with the directory to add what belongs to the collection before it counts as
            made, which is when the catalog is complete.

        Raises
        ------
        CollectionError
            If the directory is a collection already, or holds anything else.
        """
        check_vacant(folder)  # Before the lock, which would litter a directory that is not ours.
        with disk_errors(f"Creating the collection {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
        lock = WriterLock(folder)
        lock.acquire()
        try:
            with disk_errors(f"Creating the collection {folder}"):
                begin_creation(folder)
                if prepare is not None:
                    prepare(folder)
            for layout in layouts_of(state):
                RecordFile.create(folder, layout).close()
            Catalog.create(folder, state).close()
            end_creation(folder)
        finally:
            lock.release()
        return cls(folder, write=True)

    @property
    def is_writable(self) -> bool:
        """Whether it was opened for writing."""
        return self._lock is not None

    def close(self) -> None:
        """Close all files and give the writer's lock back.

        Reads and changes of other threads are waited for; later ones are refused.
        """
        catalog: Catalog | None = getattr(self, "catalog", None)  # not there if it can't be opened
        with self._changing, nullcontext() if catalog is None else catalog.exclusive():
            for file in self._files.values():
                file.close()
            self._files = {}
            if catalog is not None:
                catalog.close()
            if self._lock is not None:
                self._lock.release()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Yield the collection as it is now; writers may go on, this view does not change."""
        for attempt in range(10):
            with self.catalog.snapshot():
                state = self.catalog.state()
                try:
                    self._open_files(state)
                except FormatError:
                    # A writer may have compacted, and removed the files, since we read the state.
                    if attempt == 9 or (self.folder / layouts_of(state)[0].file_name).exists():
                        raise
                    continue
                descriptors = self._files.get("descriptors")
                yield Snapshot(
                    state,
                    self._files["codes"].map(state.slots),
                    None if descriptors is None else descriptors.map(state.slots),
                    *self._absent_slots(state),
                )
                return

    def record(self, slot: int) -> tuple[Codes, Records | None]:
        """Return the code of a slot, (bits / 8,), and its descriptor where they are kept."""
        with self.catalog.exclusive():
            self._open_files(self.catalog.state())
            descriptors = self._files.get("descriptors")
            code = self._files["codes"].read(slot, 1)[0]
            return code, None if descriptors is None else descriptors.read(slot, 1)[0]

    def commit(self, changes: Sequence[Change]) -> None:
        """Write images; they are durable when this returns, or nothing has changed.

        Raises
        ------
        CollectionError
            If the disk is full or fails.
        """
        with self._changing:
            state = self.catalog.state()
            self._open_files(state)
            fresh = [change for change in changes if change.code is not None]
            segment = self._append(state.slots, fresh)
            slots = iter(range(state.slots, state.slots + len(fresh)))
            with self.catalog.transaction():
                for change in changes:
                    slot = self._slot_of(change.row) if change.code is None else next(slots)
                    self.catalog.files.put(change.row._replace(slot=slot))
                if segment is not None:
                    self.catalog.put_segment(segment)
                self._advance(state, slots=state.slots + len(fresh))

    def remove(self, paths: Sequence[str], below: bool = False) -> int:
        """Forget files, with ``below`` all under these paths; return how many there were.

        An image is removed with its last file.
        """
        with self.changes() as catalog:
            return sum(catalog.files.remove(path, below) for path in paths)

    @contextmanager
    def changes(self) -> Iterator[Catalog]:
        """Yield the catalog for changes that write no records: all of them are made, or none."""
        with self.catalog.transaction():
            yield self.catalog
            self._advance(self.catalog.state())

    def compact_if_worthwhile(self) -> bool:
        """Drop dead slots if there are many; return whether it was done."""
        with self.snapshot() as now:
            dead, slots = len(now.dead), now.state.slots
        if dead < max(_COMPACT_SLOTS, _COMPACT_SHARE * slots):
            return False
        self.compact()
        return True

    def compact(self) -> None:
        """Rewrite the files of records without dead slots, as a new generation.

        Images keep their order, missing ones too. Readers that have the old files open go on with
        them.
        """
        with self._changing:
            self._compact()

    def _compact(self) -> None:
        with self.snapshot() as before:
            old, kept = before.state, before.kept
            new = replace(old, generation=old.generation + 1, slots=len(kept))
            sources = {"codes": before.codes, "descriptors": before.descriptors}
        files: dict[str, RecordFile] = {}
        try:
            for layout in layouts_of(new):
                files[layout.kind] = RecordFile.create(self.folder, layout)
            segments = copy_records(sources, files, kept)
            with self.catalog.transaction():
                self.catalog.files.renumber(kept)
                self.catalog.clear_segments()
                for segment in segments:
                    self.catalog.put_segment(segment)
                self._advance(new)
        except BaseException:
            for file in files.values():
                file.close()
            self._remove_strays()
            raise
        for file in self._files.values():
            file.close()
        self._files = files
        self._remove_strays()

    def _slot_of(self, row: FileRow) -> int | None:
        if row.slot is not None or row.reason is not None or row.content is None:
            return row.slot
        return self.catalog.files.slot_of(row.content)

    def _append(self, start: int, fresh: Sequence[Change]) -> Segment | None:
        """Write the records of new images behind the committed ones, and make them durable."""
        if not fresh:
            return None
        records = {"codes": np.stack([change.code for change in fresh if change.code is not None])}
        if "descriptors" in self._files:
            vectors = [change.descriptor for change in fresh if change.descriptor is not None]
            records["descriptors"] = np.stack(vectors)
        try:
            return write_segment(self._files, records, start)
        except BaseException:
            with contextlib.suppress(OSError):
                for file in self._files.values():
                    file.truncate(start)
            raise

    def _absent_slots(self, state: CatalogState) -> tuple[Ids, Ids, Ids]:
        """Return the dead, hidden and absent slots, read once per revision: there may be many."""
        if self._absent is None or self._absent[0] != state.revision:
            dead, hidden = self.catalog.files.dead(), self.catalog.files.hidden()
            self._absent = (state.revision, (dead, hidden, np.sort(np.concatenate([dead, hidden]))))
        return self._absent[1]

    def _advance(self, state: CatalogState, slots: int | None = None) -> None:
        slots = state.slots if slots is None else slots
        self.catalog.set_state(replace(state, slots=slots, revision=state.revision + 1))

    def _open_files(self, state: CatalogState) -> None:
        for layout in layouts_of(state):
            current = self._files.get(layout.kind)
            if current is not None and current.layout == layout:
                continue
            opened = RecordFile(self.folder, layout, write=self._lock is not None)
            if current is not None:
                current.close()
            self._files[layout.kind] = opened

    def _remove_strays(self) -> None:
        """Remove what a creation or a compaction that was killed may leave."""
        end_creation(self.folder)
        current = {layout.file_name for layout in layouts_of(self.catalog.state())}
        for pattern in ("codes-*.bin", "descriptors-*.bin"):
            for path in self.folder.glob(pattern):
                if path.name not in current:
                    with contextlib.suppress(OSError):
                        path.unlink()
