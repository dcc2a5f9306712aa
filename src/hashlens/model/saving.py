"""Writing a model directory: parts first, then the manifest that names them, then the card."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.descriptors.onnx_file import check_self_contained, read_network
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import FormatError
from hashlens.files.atomic import replacing, write_text
from hashlens.files.versioned_json import write_json
from hashlens.model.calibration_file import CALIBRATION_FILE, write_calibration
from hashlens.model.card import CARD_FILE, REPORT_DATA, REPORT_PAGE, ModelCard
from hashlens.model.folder import FORMAT_VERSION, LOCK, MANIFEST, is_ours, part_of, read_manifest


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """The ONNX file of a model's descriptor, where it is not the bundled one.

    Attributes
    ----------
    path : Path
    sha256 : str
        As the model knows it, in hexadecimal.
    in_digest : bool
        Whether the model's digest covers it.
    """

    path: Path
    sha256: str
    in_digest: bool


def write_model(folder: Path, card: ModelCard, network: NetworkFile | None) -> None:
    """Write a model into a directory, in place of the one before.

    Parameters
    ----------
    folder : Path
        Locked by `hashlens.model.folder.writing`.
    card : ModelCard
        All facts about the model; its text is written by `write_card`.
    network : NetworkFile or None
        Copied.

    Raises
    ------
    FormatError
        If the network is not the file that the model knows, or has weights in another file.
    """
    _write_manifest(folder, _manifest(card, _write_parts(folder, card, network)))
    write_own_calibration(folder, card)


def write_own_calibration(folder: Path, card: ModelCard) -> None:
    """Write the calibration, if there is one and it was measured on this model."""
    if card.calibration is not None and card.calibration.model == card.digest:
        write_calibration(folder, card.calibration)


def write_card(folder: Path, card: ModelCard) -> None:
    """Write the model card, which links to the report if that is there."""
    linked = replace(card, has_report=(folder / REPORT_PAGE).is_file())
    write_text(folder / CARD_FILE, linked.markdown())


def _manifest(card: ModelCard, parts: dict[str, Any]) -> dict[str, Any]:
    hasher = card.hasher
    return {
        "format_version": FORMAT_VERSION,
        "bits": hasher.bits,
        "digest": card.digest,
        "descriptor": card.spec.to_dict(),
        "hasher": {"name": hasher.name, "parameters": hasher.get_params()},
        **parts,
        "training": {} if card.training is None else card.training.to_dict(),
        "metrics": card.metrics,
    }


def _write_parts(folder: Path, card: ModelCard, network: NetworkFile | None) -> dict[str, Any]:
    """Write the arrays and the network unless they are there; return names and checksums."""
    parts = _present_arrays(folder, card.digest)
    if parts is None:
        parts = _write_arrays(folder, card.digest, card.hasher.state())
    if network is None:
        return parts
    target = folder / f"descriptor-{network.sha256[:16]}.onnx"
    if not target.is_file() or file_sha256(target) != network.sha256:
        _copy_network(network, target)
    parts |= {"network": target.name, "network_sha256": network.sha256}
    # Only the exception is written down, which models of earlier format versions are.
    return parts if network.in_digest else {**parts, "network_in_digest": False}


def _copy_network(network: NetworkFile, target: Path) -> None:
    data = read_network(network.path)
    if hashlib.sha256(data).hexdigest() != network.sha256:
        raise FormatError(f"The network {network.path} has changed since the model was made.")
    check_self_contained(data, network.path)
    with replacing(target) as partial:
        partial.write_bytes(data)


def _present_arrays(folder: Path, digest: str) -> dict[str, Any] | None:
    """Return what the manifest says of the arrays if the folder holds this model, undamaged."""
    try:
        manifest = read_manifest(folder)
        name, checksum = manifest["arrays"], manifest["arrays_sha256"]
        if manifest["digest"] == digest and file_sha256(part_of(folder, name)) == checksum:
            return {"arrays": name, "arrays_sha256": checksum}
    except (FormatError, KeyError, TypeError, OSError):
        pass
    return None


def _write_arrays(folder: Path, digest: str, state: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    path = folder / f"hasher-{digest[:16]}.npz"
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **state)
    return {"arrays": path.name, "arrays_sha256": file_sha256(path)}


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Make the model whose parts are there the one of the folder, and remove what went."""
    try:
        same_model = read_manifest(folder).get("digest") == manifest["digest"]
    except FormatError:
        same_model = False
    write_json(folder / MANIFEST, manifest, indent=2)
    _remove_what_went(folder, manifest, same_model)


def _remove_what_went(folder: Path, manifest: dict[str, Any], same_model: bool) -> None:
    """Remove parts that a manifest does not name and, of another model, report and calibration."""
    kept = {LOCK, manifest["arrays"], manifest.get("network")}
    if same_model:
        kept |= {CARD_FILE, CALIBRATION_FILE}
    gone = [path for path in folder.iterdir() if is_ours(path.name) and path.name not in kept]
    if not same_model:
        gone += [folder / name for name in (REPORT_PAGE, REPORT_DATA, CALIBRATION_FILE)]
    for path in gone:
        # The model is saved; where a system keeps files that are open, the next save removes them.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
