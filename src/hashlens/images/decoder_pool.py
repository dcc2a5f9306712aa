"""Decode images in processes of their own, whose memory and time are limited.

The decoders of uncommon formats can't be bounded by a header: a crafted file makes them take
gigabytes or minutes, or crash. In a process of its own that costs one process.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from typing import NamedTuple

import numpy as np

from hashlens.arrays import Pixels
from hashlens.errors import ImageError, ImageUnavailableError
from hashlens.images import limits
from hashlens.images.fit import Fit

_USUAL_BYTES = 128_000_000
"""Memory that an image may take at first; one that needs more is tried again with all of it."""
_PATIENCE = 12.0
"""Seconds of the clock for each second of CPU time that an image may take, on a busy machine."""
_POLL_MILLISECONDS = 100


class _DiedError(Exception):
    """The process ended before it answered."""


class _Refused(NamedTuple):
    """Why a process could not decode an image."""

    error: ImageError


class _Worker:
    """A process that decodes one image at a time."""

    def __init__(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hashlens.images.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | settings | {"PYTHONPATH": path},
        )

    def ask(
        self, data: bytes, format_name: str, fit: Fit, memory: int, seconds: float
    ) -> Pixels | _Refused:
        """Return the pixels of an image, or what the process raised."""
        request = {
            "bytes": len(data),
            "format": format_name,
            "fit": asdict(fit),
            "memory": memory,
            "seconds": seconds,
        }
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(request, allow_nan=False).encode() + b"\n")
            stdin.write(data)
            stdin.flush()
        except OSError:
            raise _DiedError from None
        return self._answer(fit)

    def _answer(self, fit: Fit) -> Pixels | _Refused:
        stdout = self._process.stdout
        assert stdout is not None
        self._wait(stdout.fileno())
        line = stdout.readline()
        if not line.endswith(b"\n"):
            raise _DiedError
        answer = json.loads(line)
        if "error" in answer:
            is_unavailable = answer["kind"] != ImageError.__name__
            kind = ImageUnavailableError if is_unavailable else ImageError
            return _Refused(kind(answer["error"]))
        shape = (fit.size, fit.size, 3)
        body = stdout.read(3 * fit.size * fit.size)
        if len(body) != 3 * fit.size * fit.size:
            raise _DiedError
        return np.frombuffer(bytearray(body), np.uint8).reshape(shape)

    def _wait(self, descriptor: int) -> None:
        """Wait for an answer, unless the work of this thread is stopped."""
        if os.name == "nt":  # Windows can't wait for pipes.
            return
        end = time.monotonic() + _PATIENCE * limits.MAX_SECONDS
        answers = select.poll()
        answers.register(descriptor, select.POLLIN)
        while not answers.poll(_POLL_MILLISECONDS):
            limits.check_stop()
            if time.monotonic() > end:
                raise limits.too_slow()

    def end(self) -> int:
        """End the process; return its exit status."""
        self._process.kill()
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # What could not be written any more.
                    pipe.close()
        return status


class _Workers:
    """The processes that wait for work; they are started when needed, and kept."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()

    def ask(self, data: bytes, format_name: str, fit: Fit, memory: int, seconds: float) -> Pixels:
        """Let a process decode an image."""
        is_usual = memory <= _USUAL_BYTES
        worker = self._idle_one() if is_usual else _Worker()
        try:
            answer = worker.ask(data, format_name, fit, memory, seconds)
        except _DiedError:
            raise _reason_of(worker.end()) from None
        except BaseException:
            worker.end()  # It still decodes.
            raise
        if is_usual:
            with self._lock:
                self._idle.append(worker)
        else:
            worker.end()  # It does not give back all memory.
        if isinstance(answer, _Refused):
            raise answer.error
        return answer

    def _idle_one(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Worker()

    def forget(self) -> None:
        """Leave the processes to the parent of a fork."""
        self._idle, self._lock = [], threading.Lock()

    def end(self) -> None:
        """End all processes that wait."""
        with self._lock:
            workers, self._idle = self._idle, []
        for worker in workers:
            worker.end()


def _reason_of(status: int) -> ImageError:
    """Return the error for an image whose process ended with a status."""
    if status == -getattr(signal, "SIGPROF", 0):
        return limits.too_slow()
    if status == -getattr(signal, "SIGKILL", 0):
        return limits.no_memory()
    return ImageError(f"damaged image: its decoder crashed (exit status {status})")


_workers = _Workers()
atexit.register(_workers.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.forget)


def read_pixels_apart(data: bytes, format_name: str, fit: Fit) -> Pixels:
    """Decode an image file's bytes in another process, like `hashlens.images.decode_image`.

    Raises
    ------
    ImageError
        Whatever is wrong with the data.
    ImageUnavailableError
        If it takes too much memory or time, or the process can't be started.
    """
    start = time.monotonic()
    try:
        with limits.budget.hold(_USUAL_BYTES):
            return _workers.ask(data, format_name, fit, _USUAL_BYTES, limits.MAX_SECONDS)
    except limits.StoppedError:
        raise
    except ImageError:
        seconds = limits.MAX_SECONDS - (time.monotonic() - start)
        if seconds <= 0:
            raise
    except OSError as error:
        raise ImageUnavailableError(f"its decoder can't be started: {error.strerror}") from error
    # Libraries report a lack of memory in many ways, so any failure may be one.
    with limits.budget.hold(limits.MAX_DECODE_BYTES):
        return _workers.ask(data, format_name, fit, limits.MAX_DECODE_BYTES, seconds)
