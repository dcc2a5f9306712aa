"""Descriptor + hasher: from decoded images to packed codes, kept in one model directory.

A model directory holds ``model.json`` (format version, descriptor spec, hasher and parameters,
digests, how it was trained, what it measured), the file of learned arrays that it names,
``MODEL_CARD.md`` and, where the descriptor is not the bundled one, the network's ONNX file; where
the model was calibrated, ``calibration.json``. See docs/formats.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

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
from hashlens.durable import replacing, sync_folder
from hashlens.errors import FormatError, HashlensError, ParameterError
from hashlens.hashers import Hasher, hasher_class
from hashlens.images import Fit
from hashlens.model_card import CARD_FILE, REPORT_DATA, REPORT_PAGE, write_model_card

FORMAT_VERSION = 1
DEFAULT_MODEL = FOLDER / "model"

PATIENCE = 60.0
"""Seconds to wait for another process that writes the same model directory."""

_MANIFEST, _LOCK = "model.json", ".lock"
_PART = re.compile(r"hasher-[0-9a-f]{16}\.npz|descriptor-[0-9a-f]{16}\.onnx")
_FILES = "|".join(map(re.escape, (_MANIFEST, CARD_FILE, CALIBRATION_FILE)))
_UNFINISHED = re.compile(rf"\.({_PART.pattern}|{_FILES})\.[0-9a-f]{{32}}")
"""Parts have names of their content: a new model's lie beside the old one's until the manifest,
which names them, is replaced."""


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
                    f" the bundled one is {default_spec().name!r}. Save the model once more from "
                    "where it was trained."
                )
        return self.descriptor

    def save(self, folder: Path) -> None:
        """Write a model directory, or put this model into the place of another.

        One rename makes the change, so that there is one of the two at any time. What was said of
        the other goes, its report and calibration; files of yours stay.

        Raises
        ------
        ParameterError
            If no model directory can be made there: see `check_model_folder`.
        HashlensError
            If it can't be written; a model that was there before stays.
        """
        folder = Path(folder).resolve()
        check_model_folder(folder)
        with _writing(folder):
            manifest = self._manifest(self._write_parts(folder))
            with replacing(folder / _MANIFEST) as partial:
                partial.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            _remove_what_went(folder, manifest)
            self._write_calibration(folder)

    def save_calibration(self, folder: Path) -> None:
        """Write the calibration, and the model card that shows it, into the model's directory.

        Raises
        ------
        HashlensError
            If they can't be written.
        """
        with _writing(folder):
            self._write_calibration(folder)

    def _write_calibration(self, folder: Path) -> None:
        if self.calibration is not None and self.calibration.model == self.digest:
            write_calibration(folder, self.calibration)
        write_model_card(self, folder)

    def _write_parts(self, folder: Path) -> dict[str, Any]:
        """Write the arrays, and the network if it is not there yet; return names and checksums."""
        arrays = folder / f"hasher-{self.digest[:16]}.npz"
        with replacing(arrays) as partial, partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **self.hasher.state())
        parts = {"arrays": arrays.name, "arrays_sha256": file_sha256(arrays)}
        if self.network is None:
            return parts
        checksum = file_sha256(self.network)
        network = folder / f"descriptor-{checksum[:16]}.onnx"
        if not network.is_file() or file_sha256(network) != checksum:
            with replacing(network) as partial:
                shutil.copyfile(self.network, partial)
        return {**parts, "network": network.name, "network_sha256": checksum}

    def _manifest(self, parts: dict[str, Any]) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "bits": self.bits,
            "digest": self.digest,
            "descriptor": self.spec.to_dict(),
            "hasher": {"name": self.hasher.name, "parameters": self.hasher.get_params()},
            **parts,
            "training": self.training,
            "metrics": self.metrics,
        }

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """Read a model directory.

        Raises
        ------
        FormatError
            If it is missing, damaged, or of a newer format version.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        while True:
            try:
                return cls._read(folder, manifest)
            except FormatError:
                # Another model may have taken the place, and removed what this manifest names.
                found, manifest = manifest, _read_manifest(folder)
                if found == manifest:
                    raise

    @classmethod
    def _read(cls, folder: Path, manifest: dict[str, Any]) -> Encoder:
        """Read what a manifest names."""
        try:
            spec = DescriptorSpec.from_dict(manifest["descriptor"], folder / _MANIFEST)
            kind = hasher_class(manifest["hasher"]["name"])
            state = _read_arrays(_part(folder, manifest["arrays"]), manifest["arrays_sha256"])
            hasher = kind.from_state(state, manifest["hasher"]["parameters"])
            digest = manifest["digest"]
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"{folder / _MANIFEST} lacks the entry {error}, or has it in another form."
            ) from error
        network = _part(folder, manifest["network"]) if "network" in manifest else None
        encoder = cls(
            hasher,
            spec,
            network=network if network is not None and network.is_file() else None,
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
        If the folder, or the one above, can't be made or written to.
    """
    given, folder = folder, folder.resolve()
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "may not be written to" if nearest.is_dir() else "is not a folder"
        raise ParameterError(f"{given} can't be made, as {nearest} {what}. Choose another place.")
    if nearest == folder and not (folder / _MANIFEST).is_file():
        # A first save that was killed left parts alone.
        foreign = [p.name for p in folder.iterdir() if not _is_ours(p.name)]
        if foreign:
            raise ParameterError(
                f"{given} exists and is not a model directory. Choose another, or remove it."
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
    if not folder.is_dir():
        raise HashlensError(
            f"There is no model {str(model)!r}: expected 'default' or a model directory, as "
            "`hashlens train ... --out DIR` makes it."
        )
    return Encoder.load(folder)


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Be the only one that writes a model directory, which is made where there is none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        with FileLock(folder / _LOCK, timeout=PATIENCE):
            yield
    except Timeout:
        raise HashlensError(
            f"Another process is writing the model in {folder}. Wait until it is done, or choose "
            "another folder."
        ) from None
    except OSError as error:
        raise HashlensError(
            f"The model can't be written to {folder}: {error.strerror or error}."
        ) from error


def _is_ours(name: str) -> bool:
    return name == _LOCK or any(kind.fullmatch(name) for kind in (_PART, _UNFINISHED))


def _remove_what_went(folder: Path, manifest: dict[str, Any]) -> None:
    """Remove parts that a manifest does not name, and what was said of the model before."""
    kept = {_LOCK, manifest["arrays"], manifest.get("network")}
    gone = [path for path in folder.iterdir() if _is_ours(path.name) and path.name not in kept]
    gone += [folder / name for name in (REPORT_PAGE, REPORT_DATA, CALIBRATION_FILE)]
    for path in gone:
        # The model is saved; where a system keeps files that are open, the next save removes them.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _part(folder: Path, name: str) -> Path:
    if not _PART.fullmatch(name):
        raise FormatError(f"{folder / _MANIFEST} names {name!r}, which is no part of a model.")
    return folder / name


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
