"""Reading a model directory of any format version up to this one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hashlens.descriptors import DescriptorSpec
from hashlens.descriptors.default import FOLDER
from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.hashers import hasher_class
from hashlens.model.calibration_file import read_calibration
from hashlens.model.folder import MANIFEST, part_of, read_arrays, read_manifest
from hashlens.model.manifest import check_manifest
from hashlens.model.model import Model
from hashlens.model.training_record import TrainingRecord

DEFAULT_MODEL = FOLDER / "model"


def load_model(model: str | os.PathLike[str] | None = None) -> Model:
    """Load a model: a model directory, or by default the bundled one.

    Raises
    ------
    HashlensError
        If there is no such directory.
    FormatError
        If the directory holds no model, or one that is damaged or of a newer format version.

    Examples
    --------
    >>> load_model().bits
    128
    """
    if model is None or str(model) == "default":
        return _load(DEFAULT_MODEL)
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise HashlensError(
            f"There is no model {str(model)!r}: expected 'default' or a model directory, as "
            "`hashlens train ... --out DIR` makes it."
        )
    return _load(folder)


def _load(folder: Path) -> Model:
    manifest = read_manifest(folder)
    while True:
        try:
            return _read(folder, manifest)
        except FormatError:
            # Another model may have taken its place, and removed what this manifest names.
            found, manifest = manifest, read_manifest(folder)
            if found == manifest:
                raise


def _read(folder: Path, manifest: dict[str, Any]) -> Model:
    """Read what a manifest names."""
    where = folder / MANIFEST
    check_manifest(manifest, where)
    spec = DescriptorSpec.from_dict(manifest["descriptor"], where)
    state = read_arrays(part_of(folder, manifest["arrays"]), manifest["arrays_sha256"])
    name, parameters = manifest["hasher"]["name"], manifest["hasher"]["parameters"]
    try:
        hasher = hasher_class(name).from_state(state, parameters)
    except (ParameterError, RecursionError) as error:
        raise FormatError(f"The hasher of {where} can't be made: {error}") from error
    if hasher.n_features_in_ != spec.dimension:
        raise FormatError(
            f"The hasher of {where} takes vectors of {hasher.n_features_in_} dimensions, and its "
            f"descriptor makes vectors of {spec.dimension}."
        )
    digest = manifest["digest"]
    network = part_of(folder, manifest["network"]) if "network" in manifest else None
    model = Model(
        hasher,
        spec,
        network=network if network is not None and network.is_file() else None,
        network_sha256=manifest.get("network_sha256"),
        network_in_digest=manifest.get("network_in_digest", True),
        training=TrainingRecord.from_dict(manifest.get("training", {})),
        metrics=manifest.get("metrics", {}),
        calibration=read_calibration(folder, digest),
    )
    if model.digest != digest:
        raise FormatError(
            f"The model in {folder} does not have the digest that its {MANIFEST} states: "
            f"expected {digest}, got {model.digest}. The directory is damaged."
        )
    return model
