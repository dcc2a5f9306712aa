"""The process that decodes images for another, with limits on its memory and time.

A request is a line of JSON, and the content of the file; an answer is a line of JSON, and the
pixels. The process ends with its standard input. See `hashlens.images.decoder_pool`.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from hashlens.arrays import Pixels
from hashlens.errors import ImageError
from hashlens.images.fit import Fit
from hashlens.images.reading import read_pixels


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Who asked is interrupted, and ends this.
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        request = json.loads(line)
        _answer(request, requests.read(request["bytes"]), answers)


def _answer(request: dict[str, Any], data: bytes, answers: BinaryIO) -> None:
    answer: dict[str, str] = {}
    pixels: Pixels | None = None
    try:
        with _limited(request["memory"], request["seconds"]):
            pixels = read_pixels(data, request["format"], Fit(**request["fit"]), _ignore)
    except ImageError as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    answers.write(json.dumps(answer, allow_nan=False).encode() + b"\n")
    if pixels is not None:
        answers.write(pixels.tobytes())
    answers.flush()


@contextmanager
def _limited(memory: int, seconds: float) -> Iterator[None]:
    """Let the operating system refuse more memory, and end the process after some CPU time."""
    try:
        import resource
    except ImportError:  # Windows has none; there, the time of the clock alone is limited.
        yield
        return
    unlimited = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + memory, unlimited[1]))
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, unlimited)


def _address_space() -> int:
    """Return the size of this process's address space in bytes."""
    import resource

    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:  # Not Linux, where the limit does not hold for what is mapped anyway.
        return 1 << 40
    return pages * resource.getpagesize()


def _ignore(note: str) -> None:
    """Drop a note: what is decoded here has none."""


if __name__ == "__main__":
    main()
