"""Descriptor + hasher: from decoded images to packed codes, kept in one model directory.

A model directory holds ``model.json`` (format version, descriptor spec, hasher and parameters,
digests, how it was trained, what it measured), the file of learned arrays that it names,
``MODEL_CARD.md`` and, where the descriptor is not the bundled one, the network's ONNX file; where
the model was calibrated, ``calibration.json``. See docs/formats.md.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.arrays import Codes, Pixels, Vectors
from hashlens.descriptors import Descriptor, DescriptorSpec
from hashlens.descriptors.default import FOLDER, default_descriptor, default_spec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import FormatError, HashlensError
from hashlens.files.atomic import replacing
from hashlens.hashers import Hasher, hasher_class
from hashlens.images import Fit
from hashlens.model.calibration_file import ModelCalibration, read_calibration, write_calibration
from hashlens.model.card import write_model_card
from hashlens.model.folder import (
    FORMAT_VERSION,
    MANIFEST,
    check_model_folder,
    part_of,
    read_arrays,
    read_manifest,
    write_manifest,
    writing,
)

DEFAULT_MODEL = FOLDER / "model"


@dataclass
class Model:
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
        with writing(folder):
            write_manifest(folder, self._manifest(self._write_parts(folder)))
            self._write_calibration(folder)

    def save_calibration(self, folder: Path) -> None:
        """Write the calibration, and the model card that shows it, into the model's directory.

        Raises
        ------
        HashlensError
            If they can't be written.
        """
        with writing(folder):
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
    def load(cls, folder: Path) -> Model:
        """Read a model directory.

        Raises
        ------
        FormatError
            If it is missing, damaged, or of a newer format version.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        while True:
            try:
                return cls._read(folder, manifest)
            except FormatError:
                # Another model may have taken the place, and removed what this manifest names.
                found, manifest = manifest, read_manifest(folder)
                if found == manifest:
                    raise

    @classmethod
    def _read(cls, folder: Path, manifest: dict[str, Any]) -> Model:
        """Read what a manifest names."""
        try:
            spec = DescriptorSpec.from_dict(manifest["descriptor"], folder / MANIFEST)
            kind = hasher_class(manifest["hasher"]["name"])
            state = read_arrays(part_of(folder, manifest["arrays"]), manifest["arrays_sha256"])
            hasher = kind.from_state(state, manifest["hasher"]["parameters"])
            digest = manifest["digest"]
        except (KeyError, TypeError) as error:
            raise FormatError(
                f"{folder / MANIFEST} lacks the entry {error}, or has it in another form."
            ) from error
        network = part_of(folder, manifest["network"]) if "network" in manifest else None
        model = cls(
            hasher,
            spec,
            network=network if network is not None and network.is_file() else None,
            network_sha256=manifest.get("network_sha256"),
            training=manifest.get("training", {}),
            metrics=manifest.get("metrics", {}),
            calibration=read_calibration(folder, digest),
        )
        if model.digest != digest:
            raise FormatError(
                f"The model in {folder} does not have the digest that its {MANIFEST} states: "
                f"expected {digest}, got {model.digest}. The directory is damaged."
            )
        return model


def load_model(model: str | Path | None = None) -> Model:
    """Load a model by name or directory; by default the bundled one.

    Raises
    ------
    HashlensError
        If there is no such model; the message says where it was looked for.
    """
    if model is None or str(model) == "default":
        return Model.load(DEFAULT_MODEL)
    folder = Path(model)
    if not folder.is_dir():
        raise HashlensError(
            f"There is no model {str(model)!r}: expected 'default' or a model directory, as "
            "`hashlens train ... --out DIR` makes it."
        )
    return Model.load(folder)
