"""The index behind a collection's searches: opened when it pays, and kept up to date."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hashlens.collection.saved_index import (
    FILE_NAME,
    SavedIndex,
    damage_of_index,
    examine,
    write_index,
)
from hashlens.collection.store import Snapshot, Storage
from hashlens.indexes import AutoIndex


class CollectionIndex:
    """The index over the images of one open collection; slots are its ids.

    It begins as a scan of the mapped codes, which costs nothing to open. Opening the saved index
    reads all of its file once, to verify it, so it is opened only when the searches so far have
    compared as much as that costs: a process that asks one question scans. Where no saved index is
    of use, `AutoIndex` may build one in the background, from the second search on, for this
    process alone. Results are the same in each of these states.

    Parameters
    ----------
    storage : Storage
        All methods but `build` and `refresh` are to be called inside one of its snapshots, which
        also keeps threads apart.
    """

    worth_opening: ClassVar[int] = AutoIndex.worth_building
    """Fewer codes than this are always scanned."""
    cost_of_opening: ClassVar[float] = 10.0
    """Verifying a byte of a file takes as long as comparing about so many bytes of codes."""
    worth_renewing: ClassVar[float] = 0.25
    """A saved index that lacks this share of the codes is written anew after a change."""

    def __init__(self, storage: Storage) -> None:
        self.path = storage.folder / FILE_NAME
        self._storage = storage
        self._index: AutoIndex | None = None
        self._of: Snapshot | None = None
        self._searches = 0
        self._compared = 0
        self._tried: tuple[int, ...] | None = None

    def at(self, snapshot: Snapshot, queries: int) -> AutoIndex:
        """Return an index over exactly the images of ``snapshot``, for a search.

        Parameters
        ----------
        snapshot : Snapshot
            Not older than that of the last call, and still open.
        queries : int
            How many will be asked.
        """
        index = self._follow(snapshot)
        self._searches += 1
        self._compared += queries * snapshot.codes.nbytes
        if index.is_built or snapshot.state.slots < self.worth_opening:
            return index
        return self._faster(index, snapshot)

    def build(self) -> None:
        """Build the index of all images and save it, in place of an older one."""
        index, snapshot = write_index(self._storage, self.path)
        self._of = None  # an interrupt must not leave a new index with an old snapshot
        self._index = index
        self._of = snapshot

    def refresh(self) -> None:
        """Build and save the index anew if there is a file that has become useless or small.

        It has where compaction has moved the codes, where it is damaged, and where too many codes
        were appended since: opening it adds those, each time.
        """
        with self._storage.catalog.snapshot():
            saved = self.examine()
            slots = self._storage.catalog.state().slots
        if saved.state == "none":
            return
        lacking = slots - saved.rows
        if saved.state != "fresh" or lacking > self.worth_renewing * slots:
            self.build()

    def examine(self) -> SavedIndex:
        """Return what the file of the saved index says, and whether it is of use."""
        return examine(self.path, self._storage.catalog)

    def damage(self) -> list[str]:
        """Read the saved index, and return what is wrong with it, a sentence each."""
        return damage_of_index(self.path)

    def _follow(self, snapshot: Snapshot) -> AutoIndex:
        """Bring the index to a snapshot: by what has changed, or from the start."""
        index, before = self._index, self._of
        # An interrupt may leave the index anywhere in between: then the next search begins anew.
        self._of = None
        if index is None or before is None or not self._advance(index, before, snapshot):
            index = AutoIndex.from_codes(snapshot.codes, snapshot.absent, background=False)
            self._tried = None
        self._index = index
        self._of = snapshot
        return index

    def _advance(self, index: AutoIndex, before: Snapshot, now: Snapshot) -> bool:
        """Add and remove what commits have since; return False if that is no way to go."""
        if before.state == now.state:
            return True
        start, slots = before.state.slots, now.state.slots
        if before.state.generation != now.state.generation or slots < start:
            return False
        if not index.is_built and not index.is_building:
            return False  # A scan of the newly mapped codes is to be had for nothing.
        if len(np.setdiff1d(before.absent, now.absent, assume_unique=True)):
            return False  # Images that were missing are back, and an index adds no id twice.
        index.add(now.codes[start:], np.arange(start, slots))
        index.remove(np.setdiff1d(now.absent, before.absent, assume_unique=True))
        return len(index) == slots - len(now.absent)

    def _faster(self, index: AutoIndex, snapshot: Snapshot) -> AutoIndex:
        """Open the saved index where that pays by now; else let one be built in the background."""
        try:
            file = self.path.stat()
        except OSError:
            index.background = self._searches > 1
            return index
        identity = (file.st_ino, file.st_size, file.st_mtime_ns)
        if identity != self._tried:
            if self._compared < self.cost_of_opening * file.st_size:
                return index
            self._tried = identity
            opened = self._open(snapshot)
            if opened is not None:
                self._index = opened
                return opened
        index.background = self._searches > 1
        return index

    def _open(self, snapshot: Snapshot) -> AutoIndex | None:
        saved = self.examine()
        if saved.state != "fresh":
            return None
        opened = AutoIndex.open(
            self.path, snapshot.codes, snapshot.absent, source=saved.source, background=False
        )
        return opened if opened.is_built else None
