"""The model that a collection keeps beside its codes: queries are encoded by no other."""

from __future__ import annotations

from pathlib import Path

from hashlens.encoder import Encoder
from hashlens.errors import ModelMismatchError
from hashlens.store import Storage

MODEL_FOLDER = "model"


def save_model(encoder: Encoder, folder: Path) -> None:
    """Write a model into the folder of a collection, and return when it is on the disk."""
    encoder.save(folder / MODEL_FOLDER)


def load_model(storage: Storage) -> Encoder:
    """Return the model of a collection.

    Raises
    ------
    FormatError, ModelMismatchError
        If the collection's copy of it is damaged, or is another model.
    """
    encoder = Encoder.load(storage.folder / MODEL_FOLDER)
    check_model(storage, encoder)
    return encoder


def check_model(storage: Storage, encoder: Encoder) -> None:
    """Say so if a model is not the one that made a collection's codes.

    Raises
    ------
    ModelMismatchError
        Names both by their digests.
    """
    state = storage.catalog.state()
    if encoder.digest != state.digest:
        raise ModelMismatchError(
            f"The collection {storage.folder} was made by the model {state.digest[:16]} "
            f"({state.bits} bits), and this is the model {encoder.digest[:16]} "
            f"({encoder.bits} bits). Their codes can't be compared. Leave the model out, so "
            "that the collection's own is used, or make another collection."
        )
