"""The model that a collection keeps beside its codes: queries are encoded by no other."""

from __future__ import annotations

from pathlib import Path

from hashlens.collection.store import Storage
from hashlens.errors import ModelMismatchError
from hashlens.model.loading import load_model
from hashlens.model.model import Model

MODEL_FOLDER = "model"


def save_own_model(model: Model, folder: Path) -> None:
    """Write a model into the folder of a collection, and return when it is on the disk."""
    model.save(folder / MODEL_FOLDER)


def load_own_model(storage: Storage) -> Model:
    """Return the model of a collection.

    Raises
    ------
    FormatError, ModelMismatchError
        If the collection's copy of it is damaged, or is another model.
    """
    model = load_model(storage.folder / MODEL_FOLDER)
    check_model(storage, model)
    return model


def check_model(storage: Storage, model: Model) -> None:
    """Say so if a model is not the one that made a collection's codes.

    Raises
    ------
    ModelMismatchError
        Names both by their digests.
    """
    state = storage.catalog.state()
    if model.digest != state.digest:
        raise ModelMismatchError(
            f"The collection {storage.folder} was made by the model {state.digest[:16]} "
            f"({state.bits} bits), and this is the model {model.digest[:16]} "
            f"({model.bits} bits). Their codes can't be compared. Leave the model out, so "
            "that the collection's own is used, or make another collection."
        )
