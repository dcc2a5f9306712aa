"""One writer at a time: an advisory lock that the operating system drops when its holder dies."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from hashlens.errors import CollectionLockedError, FormatError
from hashlens.files.disk_errors import disk_errors
from hashlens.files.regular import check_regular, read_regular


class WriterLock:
    """The lock of a collection's directory.

    The lock itself is ``writer.lock``; ``writer.pid`` beside it names the holder, for messages
    only: a stale one means nothing.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock  # Only writers need it, and it takes long to import.

        self._folder = folder
        # Not thread-local: whichever thread closes the collection releases it.
        self._lock = FileLock(folder / "writer.lock", timeout=0, thread_local=False)
        self._pid_file = folder / "writer.pid"

    def acquire(self) -> None:
        """Take the lock, or fail at once.

        Raises
        ------
        CollectionLockedError
            If another process, or another `Collection` of this one, holds it.
        FormatError
            If there is no plain file in its place.
        """
        from filelock import Timeout

        check_regular(Path(self._lock.lock_file))
        with disk_errors(f"Locking {self._folder} for writing"):
            try:
                self._lock.acquire()
            except Timeout:
                raise CollectionLockedError(
                    f"Another {self._holder()} is writing to the collection {self._folder}. Wait "
                    "until it has finished; searching is possible meanwhile."
                ) from None
        # The name of the holder is a courtesy; without it (a full disk) all still works.
        with suppress(OSError):
            self._pid_file.unlink(missing_ok=True)
            with self._pid_file.open("x", encoding="ascii") as file:
                file.write(f"{os.getpid()}\n")

    def release(self) -> None:
        """Give the lock back; harmless if it is not held."""
        if self._lock.is_locked:
            with suppress(OSError):
                self._pid_file.unlink(missing_ok=True)
            self._lock.release()

    def _holder(self) -> str:
        try:
            pid = int(read_regular(self._pid_file, 32))
        except (OSError, ValueError, FormatError):
            return "process"
        return f"process (pid {pid})"
