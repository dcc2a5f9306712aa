"""Descriptor + hasher: from decoded images to packed codes, kept in one model directory.

A model directory holds ``model.json`` (format version, descriptor spec, hasher and parameters,
digests, how it was trained, what it measured), ``hasher.npz`` (the learned arrays),
``MODEL_CARD.md`` and, where the descriptor is not the bundled one, ``descriptor.onnx``; where the
model was calibrated, ``calibration.json``. See docs/formats.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hashlens.calibration_file import (
    CALIBRATION_FILE,
    ModelCalibration,
    read_calibration,
    write_calibration,
)
from hashlens.codes import Codes
from hashlens.descriptors import Descriptor, DescriptorSpec, Pixels, Vectors
from hashlens.descriptors.default import FOLDER, default_descriptor, default_spec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.durable import clear_leftovers, replacing, replacing_folder, restore_folder
from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.hashers import Hasher, hasher_class
from hashlens.images import Fit
from hashlens.model_card import CARD_FILE, REPORT_DATA, REPORT_PAGE, write_model_card

FORMAT_VERSION = 1
DEFAULT_MODEL = FOLDER / "model"

_MANIFEST, _ARRAYS, _NETWORK = "model.json", "hasher.npz", "descriptor.onnx"
_OWN = (_MANIFEST, _ARRAYS, _NETWORK, CALIBRATION_FILE, CARD_FILE, REPORT_PAGE, REPORT_DATA)
"""What goes with a model when another takes its place; other files in its directory stay."""


@dataclass
class Encoder:
    """A fitted hasher with the descriptor that it was fitted on.

    Parameters
    ----------
    hasher : Hasher
        Fitted on vectors of the descriptor.
    spec : DescriptorSpec
        Of the descriptor.
    descriptor : Descriptor, optional
        The network itself; loaded when first needed where it is left out.
    network : Path, optional
        The descriptor's ONNX file, where it is not the bundled one.
    network_sha256 : str, optional
        Its checksum, where that is not what the spec says of the weights: where the file was made
        from weights of another form.
    training : dict, optional
        How the hasher was trained, for people: data, seed, parameters, commands.
    metrics : dict, optional
        What it measured.
    calibration : ModelCalibration, optional
        What distances mean; kept only with the model that it was measured of.
    """

    hasher: Hasher
    spec: DescriptorSpec
    descriptor: Descriptor | None = None
    network: Path | None = None
    network_sha256: str | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: ModelCalibration | None = None

    @property
    def bits(self) -> int:
        """Length of the codes, in bits."""
        return self.hasher.bits

    @property
    def descriptor_dim(self) -> int:
        """Length of the descriptors."""
        return self.spec.dimension

    @property
    def fit(self) -> Fit:
        """How images are to be decoded."""
        return self.spec.image_fit

    @cached_property
    def digest(self) -> str:
        """SHA-256 of descriptor spec and hasher: codes with other digests can't be compared."""
        digest = hashlib.sha256(self.spec.digest.encode())
        digest.update(f"{self.hasher.name}/{self.bits}".encode())
        for name, array in sorted(self.hasher.state().items()):
            digest.update(f"/{name}/{array.dtype.str}/{array.shape}/".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def describe(self, pixels: Pixels) -> Vectors:
        """Return descriptors, float32 (n, descriptor_dim), of decoded images (n, s, s, 3)."""
        return self.load_descriptor().describe(pixels)

    def encode_pixels(self, pixels: Pixels) -> tuple[Codes, Vectors]:
        """Return packed codes, uint8 (n, bits / 8), and the descriptors that they stand for.

        Parameters
        ----------
        pixels : uint8 array of shape (n, size, size, 3)
            As `hashlens.images.decode_image` returns them for ``self.fit``.
        """
        vectors = self.describe(pixels)
        return self.hasher.transform(vectors), vectors

    def load_descriptor(self) -> Descriptor:
        """Return the descriptor's network, loaded at the first call.

        Raises
        ------
        FormatError
            If it is neither the bundled one nor in the model directory, or is damaged.
        """
        if self.descriptor is None:
            if self.network is not None:
                self.descriptor = OnnxDescriptor(
                    self.network, self.spec, sha256=self.network_sha256
                )
            elif self.spec.digest == default_spec().digest:
                self.descriptor = default_descriptor()
            else:
                raise FormatError(
                    f"The model's descriptor is {self.spec.name!r}, and its network is not at hand:"
                    f" the bundled one is {default_spec().name!r}. Give the model directory its "
                    f"{_NETWORK}."
                )
        return self.descriptor

    def save(self, folder: Path) -> None:
        """Write a model directory, whole or not at all.

        Where this very model is there already, only what is said about it is written anew. Files
        of yours in the directory of another model stay.

        Raises
        ------
        ParameterError
            If no model directory can be made there: see `check_model_folder`.
        HashlensError
            If it can't be written; a model that was there before stays.
        """
        folder = Path(folder).resolve()
        try:
            restore_folder(folder)
            check_model_folder(folder)
            clear_leftovers(folder, _OWN)
            if self._is_in(folder):
                self._write_about(folder)
                return
            with replacing_folder(folder, _OWN) as partial:
                self._write(partial)
        except OSError as error:
            raise HashlensError(
                f"The model can't be written to {folder}: {error.strerror or error}."
            ) from error

    def _is_in(self, folder: Path) -> bool:
        """Return whether the learned arrays and the network in a directory are this model's."""
        try:
            manifest = _read_manifest(folder)
            _read_arrays(folder / _ARRAYS, manifest["arrays_sha256"])
        except (FormatError, KeyError):
            return False
        ours, theirs = self.network, folder / _NETWORK
        if ours is None or not theirs.is_file():
            same_network = ours is None and not theirs.is_file()
        else:
            same_network = file_sha256(ours) == file_sha256(theirs)
        return same_network and manifest.get("digest") == self.digest

    def _write(self, folder: Path) -> None:
        arrays = self.hasher.state()
        with (folder / _ARRAYS).open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        if self.network is not None:
            shutil.copyfile(self.network, folder / _NETWORK)
        self._write_about(folder)

    def _write_about(self, folder: Path) -> None:
        """Write the manifest of the files in a directory, the calibration and the card."""
        manifest = {
            "format_version": FORMAT_VERSION,
            "bits": self.bits,
            "digest": self.digest,
            "descriptor": self.spec.to_dict(),
            "hasher": {"name": self.hasher.name, "parameters": self.hasher.get_params()},
            "arrays_sha256": file_sha256(folder / _ARRAYS),
            "training": self.training,
            "metrics": self.metrics,
        }
        if self.network is not None:
            manifest["network_sha256"] = file_sha256(folder / _NETWORK)
        with replacing(folder / _MANIFEST) as partial:
            partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        self.save_calibration(folder)

    def save_calibration(self, folder: Path) -> None:
        """Write the calibration, and the model card that shows it, into the model's directory.

        Raises
        ------
        HashlensError
            If they can't be written.
        """
        if self.calibration is not None and self.calibration.model == self.digest:
            write_calibration(folder, self.calibration)
        write_model_card(self, folder)

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """Read a model directory.

        Raises
        ------
        FormatError
            If it is missing, damaged, or of a newer format version.
        """
        folder = Path(folder)
        _restore(folder)
        manifest = _read_manifest(folder)
        try:
            spec = DescriptorSpec.from_dict(manifest["descriptor"], folder / _MANIFEST)
            kind = hasher_class(manifest["hasher"]["name"])
            state = _read_arrays(folder / _ARRAYS, manifest["arrays_sha256"])
            hasher = kind.from_state(state, manifest["hasher"]["parameters"])
            digest = manifest["digest"]
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"{folder / _MANIFEST} lacks the entry {error}, or has it in another form."
            ) from error
        network = folder / _NETWORK
        encoder = cls(
            hasher,
            spec,
            network=network if network.is_file() else None,
            network_sha256=manifest.get("network_sha256"),
            training=manifest.get("training", {}),
            metrics=manifest.get("metrics", {}),
            calibration=read_calibration(folder, digest),
        )
        if encoder.digest != digest:
            raise FormatError(
                f"The model in {folder} does not have the digest that its {_MANIFEST} states: "
                f"expected {digest}, got {encoder.digest}. The directory is damaged."
            )
        return encoder


def check_model_folder(folder: Path) -> None:
    """Refuse a place where no model directory can be written, before the work for it is done.

    Raises
    ------
    ParameterError
        If there is a file, or a folder that holds something else: nothing of yours is overwritten.
        If it is the folder that this process works in, which can't be replaced as a whole; or the
        folder above can't be made or written to.
    """
    folder = folder.resolve()
    if Path.cwd().is_relative_to(folder):
        raise ParameterError(
            f"{folder} is the folder that you are in, and a model directory is replaced as a whole "
            "when it is written. Give the name of a folder to make, or go to another folder."
        )
    above = next(path for path in folder.parents if os.path.lexists(path))
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        what = "may not be written to" if above.is_dir() else "is not a folder"
        raise ParameterError(f"{folder} can't be made, as {above} {what}. Choose another place.")
    if not folder.exists() or (folder / _MANIFEST).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise ParameterError(
            f"{folder} exists and is not a model directory. Choose another, or remove it."
        )


def load_encoder(model: str | Path | None = None) -> Encoder:
    """Load a model by name or directory; by default the bundled one.

    Raises
    ------
    HashlensError
        If there is no such model; the message says where it was looked for.
    """
    if model is None or str(model) == "default":
        return Encoder.load(DEFAULT_MODEL)
    folder = Path(model)
    _restore(folder)
    if not folder.is_dir():
        raise HashlensError(
            f"There is no model {str(model)!r}: expected 'default' or a model directory, as "
            "`hashlens train ... --out DIR` makes it."
        )
    return Encoder.load(folder)


def _restore(folder: Path) -> None:
    """End a save that was killed at its last step; where that can't be done, nothing is there."""
    with contextlib.suppress(OSError):
        restore_folder(folder.resolve())


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FormatError(f"{folder} is not a model directory: it has no {_MANIFEST}.") from None
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} is not a readable JSON file: {error}") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if not isinstance(version, int):
        raise FormatError(f"{path} states no format version, so it is no hashlens model.")
    if version > FORMAT_VERSION:
        raise FormatError(
            f"{path} has the format version {version}; this hashlens reads up to "
            f"{FORMAT_VERSION}. Upgrade it: pip install --upgrade hashlens"
        )
    checked: dict[str, Any] = manifest
    return checked


def _read_arrays(path: Path, expected: str) -> dict[str, npt.NDArray[Any]]:
    if not path.is_file():
        raise FormatError(f"The model's learned arrays, {path}, are missing.")
    found = file_sha256(path)
    if found != expected:
        raise FormatError(f"{path} is damaged: expected the SHA-256 {expected}, got {found}.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path} is not a readable npz file: {error}") from error
