"""Bringing image files into a collection: incremental, resumable, nothing committed is lost."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from hashlens.arrays import Codes, Pixels
from hashlens.collection.results import IndexReport
from hashlens.collection.store import Change, FileRow, Storage
from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.files.records import Records
from hashlens.images import FileState, decode_image, map_ordered, read_image_file, reader_versions
from hashlens.model.model import Model
from hashlens.progress import OnProgress, no_progress

LabelOf = Callable[[str], str | None]
"""Returns the label of a path, or None; it is kept beside the image."""

_BATCH = 64
_LOOKUP = 500
_COMMIT_IMAGES, _COMMIT_SECONDS = 512, 2.0


@dataclass(slots=True)
class _Work:
    """A file on its way into the collection."""

    row: FileRow
    pixels: Pixels | None = None
    code: Codes | None = None
    descriptor: Records | None = None


class Indexer:
    """One run over a list of files, in their order.

    Parameters
    ----------
    storage : Storage
        Open for writing.
    model : Model
        The collection's own.
    on_progress, label_of : callable, optional
    force : bool
        Read all files, also those of unchanged size and time.

    Attributes
    ----------
    report : IndexReport
        What was done so far.
    """

    def __init__(
        self,
        storage: Storage,
        model: Model,
        on_progress: OnProgress | None = None,
        label_of: LabelOf | None = None,
        force: bool = False,
    ) -> None:
        self.storage = storage
        self.report = IndexReport()
        self._model = model
        self._on_progress = on_progress or no_progress
        self._label_of = label_of or _no_label
        self._force = force
        self._reader = reader_versions()
        self._done, self._total = 0, 0
        self._waiting: list[_Work] = []
        # The revision before the latest commit, and what was still waiting after it.
        self._latest = (storage.catalog.state().revision, self._waiting)
        self._taken: set[bytes] = set()  # contents of images since the latest commit
        self._undecided = 0
        self._last_commit = time.monotonic()

    def run(self, paths: Sequence[str]) -> None:
        """Index files and add to the report; what is unchanged is skipped.

        Raises
        ------
        KeyboardInterrupt
            When interrupted, after committing the images that were finished; says how many.
        CollectionError
            If the disk is full or fails; earlier commits stay.
        """
        self._total = len(paths)
        try:
            outcomes = map_ordered(self._load, self._stale(paths), ahead=2 * _BATCH)
            with closing(outcomes):
                for path, outcome in outcomes:
                    self._take(path, outcome)
            self._commit()
        except KeyboardInterrupt:
            self._forget_committed()
            self._commit_finished()
            raise KeyboardInterrupt(
                f"Interrupted after {self._done:,} of {self._total:,} files. What was finished is "
                "in the collection; run the same command again to go on."
            ) from None

    def _stale(self, paths: Sequence[str]) -> Iterator[str]:
        """Yield the files that must be read: those that are new or not as they were."""
        for start in range(0, len(paths), _LOOKUP):
            part = paths[start : start + _LOOKUP]
            rows = self.storage.catalog.files.by_path(part)
            for path in part:
                known = rows.get(path)
                state = None if known is None or self._force else _state_of(path)
                if known is None or state is None or not self._is_settled(known, state):
                    yield path
                else:
                    self._skip(known, state)

    def _is_settled(self, known: FileRow, state: FileState) -> bool:
        """Whether nothing new can come of reading a file again."""
        if (known.size, known.mtime_ns) != (state.size, state.mtime_ns):
            return False
        return known.slot is not None or known.reader == self._reader

    def _skip(self, known: FileRow, state: FileState) -> None:
        """Count a file that is as it was; it may have been missing, or mounted elsewhere."""
        if known.slot is not None:
            self.report.unchanged += 1
        else:
            self.report.unreadable.append((known.path, known.reason or ""))
        now = known._replace(device=state.device, inode=state.inode, missing_since=None)
        if known.slot is not None:
            now = now._replace(reason=None)
        if now != known:
            self._waiting.append(_Work(now))
            self._commit_when_due()
        self._progress()

    def _load(self, path: str) -> _Work:
        """Read a file and, unless its content is known, decode it. Called in threads."""
        file = read_image_file(path)
        content = hashlib.sha256(file.data).digest()
        size, mtime_ns, device, inode = file.state
        row = FileRow(path, size, mtime_ns, content, None, device=device, inode=inode)
        slot = self.storage.catalog.files.slot_of(content)
        if slot is not None:
            return _Work(row._replace(slot=slot))
        try:
            return _Work(row, decode_image(file.data, self._model.fit))
        except ImageUnavailableError:
            raise  # It says nothing about the file.
        except ImageError as error:
            return _Work(row._replace(reason=str(error), reader=self._reader))

    def _take(self, path: str, outcome: _Work | ImageError) -> None:
        """Queue a file's outcome to be committed, and commit when it is time."""
        if isinstance(outcome, ImageError):
            self._take_unreadable(path, str(outcome))
        else:
            self._take_loaded(outcome)
        self._progress()
        if self._undecided == _BATCH:
            self._encode()
        self._commit_when_due()

    def _commit_when_due(self) -> None:
        seconds = time.monotonic() - self._last_commit
        if len(self._waiting) >= _COMMIT_IMAGES or seconds >= _COMMIT_SECONDS:
            self._commit()

    def _take_unreadable(self, path: str, reason: str) -> None:
        """Report a file that can't be read now; what is known about it stays known."""
        self.report.unreadable.append((path, reason))
        known = self.storage.catalog.files.get(path)
        if known is None or known.slot is None:
            # Without size and time, it is tried again each time.
            self._waiting.append(_Work(FileRow(path, None, None, None, None, reason=reason)))

    def _take_loaded(self, work: _Work) -> None:
        path, content = work.row.path, work.row.content or b""
        work.row = work.row._replace(label=self._label_of(path))
        if work.row.reason is not None:
            self.report.unreadable.append((path, work.row.reason))
        else:
            self._take_image(work, content)
        self._waiting.append(work)

    def _take_image(self, work: _Work, content: bytes) -> None:
        """Keep the pixels of what is to be encoded; other files get the slot of their content."""
        slot = None
        if content not in self._taken:
            # Commits may have changed it since the thread asked. A slot that died in between is
            # revived: its record is there until the next compaction.
            slot = self.storage.catalog.files.slot_of(content)
            slot = work.row.slot if slot is None else slot
        work.row = work.row._replace(slot=slot)
        if slot is not None or content in self._taken:
            self.report.reused += 1
            work.pixels = None
        else:
            self.report.added += 1
            self._undecided += 1
        self._taken.add(content)

    def _encode(self) -> None:
        """Encode what is decoded."""
        works = [work for work in self._waiting if work.pixels is not None]
        pixels = [work.pixels for work in works if work.pixels is not None]
        if works:
            codes, descriptors = self._model.encode_pixels(np.stack(pixels))
            for work, code, descriptor in zip(works, codes, descriptors, strict=True):
                work.code, work.descriptor, work.pixels = code, descriptor, None
        self._undecided = 0

    def _commit(self) -> None:
        self._encode()
        self._commit_finished()

    def _commit_finished(self) -> None:
        """Commit the files up to the first that is not encoded yet, so that order is kept."""
        ready = 0
        while ready < len(self._waiting) and self._waiting[ready].pixels is None:
            ready += 1
        changes = [Change(work.row, work.code, work.descriptor) for work in self._waiting[:ready]]
        rest = self._waiting[ready:]
        self._latest = (self.storage.catalog.state().revision, rest)
        if changes:
            self.storage.commit(changes)
        self._waiting = rest
        self._taken = set()
        self._last_commit = time.monotonic()

    def _forget_committed(self) -> None:
        """Drop what was committed just before an interrupt, so that it is not committed twice."""
        revision, rest = self._latest
        if self.storage.catalog.state().revision > revision:
            self._waiting = rest

    def _progress(self) -> None:
        self._done += 1
        self._on_progress("indexing", self._done, self._total)


def _state_of(path: str) -> FileState | None:
    """Return the state of a file, or None if it can't be examined."""
    try:
        return FileState.of(os.stat(path))
    except (OSError, ValueError):
        return None


def _no_label(path: str) -> None:
    """Know no labels."""
