"""stdout and stderr as they are found: of any encoding, full, broken or closed."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from hashlens.errors import HashlensError

_lost: list[str] = []
"""What could not be written to stderr."""


def prepare_streams() -> None:
    """Let no character and no closed stream get in the way of a command."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # Otherwise the next file that is opened would be taken for this stream. As nothing can
            # be written here, whoever prints is still told so.
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def write_out(data: str | bytes) -> None:
    """Write a text, in the encoding of stdout, or bytes as they are to stdout.

    Raises
    ------
    BrokenPipeError
        If nobody reads it any more.
    HashlensError
        If it can't be written for another reason, such as a full disk.
    """
    try:
        if isinstance(data, str):
            sys.stdout.write(data)
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise HashlensError(f"Not all was printed: stdout can't be written: {reason}") from error


def write_error(text: str) -> None:
    """Write a text to stderr; if that fails, work goes on, and `end_streams` reports it."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, UnicodeError):
        _lost.append(text)


def end_streams(code: int) -> int:
    """Write what is left, and return the exit code: ``code``, or 1 for 0 if any text was lost."""
    if _lost:
        code = code or 1
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            try:
                stream.flush()
            except OSError:
                _discard(stream)
                code = code or 1
    return code


def _discard(stream: TextIO) -> None:
    """Drop what a stream can't write, which Python would try again, loudly, at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
