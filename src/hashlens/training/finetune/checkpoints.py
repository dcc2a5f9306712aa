"""Checkpoints of a training: whole or absent, and never those of another training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hashlens.errors import DataError, FormatError, HashlensError
from hashlens.files.atomic import replacing


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill at any moment leaves the old one or the new one.

    Raises
    ------
    HashlensError
        If the disk is full or fails, or the folder is gone; the earlier checkpoint stays.
    """
    try:
        with replacing(path) as partial:
            torch.save(state, partial)
    except RuntimeError as error:  # so torch's writer reports a full disk
        raise HashlensError(
            f"{path} can't be written: {error}. What was there before is unchanged. Free some "
            "space, then run the same command again."
        ) from error


def read_checkpoint(path: Path, facts: str) -> dict[str, Any]:
    """Read the checkpoint of a training whose digest is ``facts``.

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
            f"{path} is not a readable checkpoint: {error}. Delete it to start over."
        ) from error
    if found != facts:
        raise DataError(
            f"{path} is the checkpoint of an interrupted training with other data or options. "
            f"Repeat that command to resume it, or remove {path.parent} to start over."
        )
    return state
