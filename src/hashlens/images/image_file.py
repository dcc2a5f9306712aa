"""Read image files without trusting what is at their paths."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from hashlens.errors import ImageUnavailableError
from hashlens.images.file_state import FileState
from hashlens.images.walk import reason_of

MAX_FILE_BYTES = 1 << 30
"""Files larger than this, 1 GiB, are refused before they are read."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The content of a file, and the state of the file just before it was read.

    Attributes
    ----------
    data : bytes
    state : FileState
        If the file changes while it is read, its time of modification is later afterwards, which
        shows that it must be read again.
    """

    data: bytes
    state: FileState


def read_image_file(path: str) -> ImageFile:
    """Read a regular file.

    Raises
    ------
    ImageUnavailableError
        If it does not exist, is not a regular file, is larger than `MAX_FILE_BYTES`, or can't be
        read, for lack of memory too. The text does not contain the path.
    """
    try:
        # Otherwise, opening a pipe would wait for a writer, forever if there is none.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ImageUnavailableError("not a regular file")
            if status.st_size > MAX_FILE_BYTES:
                raise ImageUnavailableError(
                    f"too large: {status.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,} bytes",
                )
            return ImageFile(file.readall(), FileState.of(status))
    except MemoryError:
        raise ImageUnavailableError("can't be read: there is not enough memory") from None
    except (OSError, ValueError) as error:
        raise ImageUnavailableError(f"can't be read: {reason_of(error)}") from error
