"""Checkpoints of a training: whole or not there, and never of another training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from hashlens.errors import DataError, FormatError


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill at any moment leaves the old one or the new one.

    Raises
    ------
    DataError
        If the disk is full or fails; the checkpoint before stays.
    """
    scratch = path.with_name(f"{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    # torch's writer reports a full disk as a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"The checkpoint {path} can't be written: {error}. Free some space, then go on with "
            "--resume from the epoch before."
        ) from error
    finally:
        scratch.unlink(missing_ok=True)


def read_checkpoint(path: Path, facts: str) -> dict[str, Any]:
    """Read a checkpoint of the training that ``facts`` is the digest of.

    Raises
    ------
    FormatError
        If it is damaged.
    DataError
        If it is of another training.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state["facts"]
    except Exception as error:
        raise FormatError(
            f"{path} is not a readable checkpoint: {error}. Delete it to begin anew."
        ) from error
    if found != facts:
        raise DataError(
            f"{path} is the checkpoint of a training with other data or options. Repeat the "
            "command that was interrupted, or begin anew without --resume."
        )
    return state
