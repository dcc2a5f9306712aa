"""How much memory and time decoding may take, in each image and in all threads together."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from hashlens.errors import ImageError, ImageUnavailableError

MAX_DECODED_PIXELS = 80_000_000
"""Maximum number of pixels to decode for one image: 320 MB at Pillow's four bytes per pixel."""

MAX_DECODE_BYTES = 480_000_000
"""Maximum memory for decoding one image, in bytes, beside the content of its file."""

MAX_TOTAL_BYTES = 1 << 30
"""Maximum memory for decoding in all threads together, in bytes; images wait for one another."""

MAX_SECONDS = 5.0
"""Maximum CPU time for decoding one image, in seconds."""

_UNCOUNTED_BYTES = 16_000_000
"""Images that need less than this are not counted: threads are few, and most images are small."""
_NOTHING = nullcontext()

_thread = threading.local()


class StoppedError(ImageUnavailableError):
    """The work that the image was decoded for was interrupted."""


class Deadline:
    """The CPU time that a thread may still spend on an image.

    CPU time, unlike the time of the clock, does not depend on how busy the machine is.
    """

    def __init__(self, seconds: float = MAX_SECONDS) -> None:
        self._end = time.thread_time() + seconds

    def check(self) -> None:
        """Raise if the time is spent, or the work of this thread was stopped."""
        if time.thread_time() > self._end:
            raise too_slow()
        check_stop()


class GuardedBytes(io.BytesIO):
    """The content of a file whose readers stop when a deadline has passed.

    Pillow draws the file in blocks of 64 kB, and single bytes in the decoders that are written in
    Python, so each check bounds what follows until the next.
    """

    def __init__(self, data: bytes, deadline: Deadline) -> None:
        super().__init__(data)
        self._deadline = deadline

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, unless the deadline has passed."""
        self._deadline.check()
        return super().read(size)


def too_slow() -> ImageError:
    """Return the error for an image that takes too much time."""
    return ImageUnavailableError(f"takes more than {MAX_SECONDS:g} s to decode, which is the limit")


def no_memory() -> ImageError:
    """Return the error for an image that takes more memory than there is, or than is allowed."""
    return ImageUnavailableError("too large: there is not enough memory to decode it")


def check_size(size: tuple[int, int]) -> None:
    """Raise if an image has more than `MAX_DECODED_PIXELS`."""
    width, height = size
    if width * height > MAX_DECODED_PIXELS:
        raise ImageUnavailableError(
            f"too large: {width} x {height} pixels to decode, "
            f"the limit is {MAX_DECODED_PIXELS:,} pixels"
        )
    if width <= 0 or height <= 0:
        raise ImageError(f"damaged image: it has {width} x {height} pixels")


def check_bytes(count: int) -> None:
    """Raise if decoding an image takes more than `MAX_DECODE_BYTES`."""
    if count > MAX_DECODE_BYTES:
        raise ImageUnavailableError(
            f"too large: it takes {count:,} bytes to decode, the limit is {MAX_DECODE_BYTES:,}"
        )


def set_stop(event: threading.Event) -> None:
    """Let decoding in this thread end soon after ``event`` is set."""
    _thread.stop = event


def check_stop() -> None:
    """Raise if the work of this thread was stopped."""
    event: threading.Event | None = getattr(_thread, "stop", None)
    if event is not None and event.is_set():
        raise StoppedError("stopped before it was decoded")


class Budget:
    """Memory that all threads share.

    Parameters
    ----------
    total : int
        Bytes. Who needs more than the total gets all of it.
    """

    def __init__(self, total: int = MAX_TOTAL_BYTES) -> None:
        self._total = self._free = total
        self._changed = threading.Condition()

    def hold(self, count: int) -> AbstractContextManager[None]:
        """Wait until ``count`` bytes are free, and keep them for the time of the context."""
        return _NOTHING if count < _UNCOUNTED_BYTES else self._hold(count)

    @contextmanager
    def _hold(self, count: int) -> Iterator[None]:
        count = min(count, self._total)
        with self._changed:
            while self._free < count:
                check_stop()
                self._changed.wait(timeout=0.2)
            self._free -= count
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()


budget = Budget()
"""The memory for decoding in this process and in its workers."""
