"""A model: a descriptor and a hasher, from images to packed codes, kept in one directory.

A model directory holds ``model.json`` (format version, descriptor spec, hasher and parameters,
digests, how it was trained, what it measured), the file of learned arrays that it names,
``MODEL_CARD.md`` and, where the descriptor is not the bundled one, the network's ONNX file; where
the model was calibrated, ``calibration.json``. See docs/formats.md.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hashlens.arrays import Codes, Pixels, Vectors
from hashlens.codes import check_bits
from hashlens.descriptors import Descriptor, DescriptorSpec
from hashlens.descriptors.default import default_descriptor, default_spec
from hashlens.descriptors.onnx import OnnxDescriptor
from hashlens.descriptors.spec import file_sha256
from hashlens.errors import FormatError
from hashlens.hashers import Hasher
from hashlens.images import Fit
from hashlens.images.sources import ImageSource
from hashlens.model.calibration_file import ModelCalibration
from hashlens.model.card import ModelCard
from hashlens.model.encoding import OnError, pixel_batches
from hashlens.model.folder import check_model_folder, writing
from hashlens.model.saving import NetworkFile, write_card, write_model, write_own_calibration
from hashlens.model.training_record import TrainingRecord
from hashlens.progress import OnMessage, OnProgress

if TYPE_CHECKING:
    from hashlens.datasets import AnyData, DescribedDataset
    from hashlens.evaluation.bootstrap import Resampling
    from hashlens.model.calibrating import OnLength
    from hashlens.model.protocol_search import Search

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Model:
    """A fitted hasher with the descriptor that it was fitted on; `load_model` returns one.

    Parameters
    ----------
    hasher : Hasher
        Fitted on vectors of the descriptor.
    spec : DescriptorSpec
        What the descriptor is.
    descriptor : Descriptor, optional
        The network itself; by default loaded when first needed.
    network : Path, optional
        The descriptor's ONNX file, where it is not the bundled one.
    network_sha256 : str, optional
        Its SHA-256; by default computed. It differs from the spec's where the file was made from
        weights of another form.
    network_in_digest : bool
        Whether the digest covers ``network_sha256`` too. False only for models of format version 2
        and earlier, whose digests stay what they were.
    training : TrainingRecord, optional
        How the hasher was trained.
    metrics : dict, optional
        What it measured, as `evaluate` returns it.
    calibration : ModelCalibration, optional
        What distances mean; saved only with the model that it was measured on.

    Examples
    --------
    >>> from hashlens import load_model
    >>> model = load_model()
    >>> model.encode([np.zeros((48, 64, 3), np.uint8)]).shape
    (1, 16)
    """

    hasher: Hasher
    spec: DescriptorSpec
    descriptor: Descriptor | None = None
    network: Path | None = None
    network_sha256: str | None = None
    network_in_digest: bool = True
    training: TrainingRecord | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: ModelCalibration | None = None

    def __post_init__(self) -> None:
        if self.network is not None and self.network_sha256 is None:
            self.network_sha256 = file_sha256(self.network)

    def __repr__(self) -> str:
        return f"Model({self.hasher!r}, descriptor={self.spec.name!r})"

    def __getstate__(self) -> dict[str, Any]:
        # A loaded network can't be pickled; if it can be loaded again, it is left out.
        state = dict(self.__dict__)
        can_load = self.network is not None or self.spec.digest == default_spec().digest
        if can_load and isinstance(self.descriptor, OnnxDescriptor):
            state["descriptor"] = None
        return state

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
        """How images are decoded for the descriptor."""
        return self.spec.image_fit

    @cached_property
    def digest(self) -> str:
        """SHA-256 of descriptor and hasher: codes of models of other digests can't be compared.

        The descriptor is its spec and, unless the spec's checksum is that of the network's file,
        the file's: two networks made from the same weights are told apart.
        """
        digest = hashlib.sha256(self.spec.digest.encode())
        digest.update(f"{self.hasher.name}/{self.bits}".encode())
        for name, array in sorted(self.hasher.state().items()):
            digest.update(f"/{name}/{array.dtype.str}/{array.shape}/".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        network = self.network_sha256
        if self.network_in_digest and network not in (None, self.spec.weights_sha256):
            digest.update(f"/network/{network}".encode())
        return digest.hexdigest()

    def encode(
        self,
        images: Iterable[ImageSource],
        *,
        on_error: OnError = "raise",
        batch_size: int = 64,
        on_progress: OnProgress | None = None,
    ) -> Codes:
        """Return the packed codes of images.

        Images are decoded in parallel, ahead of the network, and only a few batches are in memory
        at a time, so ``images`` may be an iterator over any number of them.

        Parameters
        ----------
        images : iterable of path, bytes, uint8 array (height, width, 3), or PIL.Image.Image
            Bytes are the content of an image file.
        on_error : {"raise", "skip"} or callable
            What to do with an image that can't be read: raise `ImageError`; leave it out and warn;
            or leave it out and call ``on_error(index, error)``.
        batch_size : int
            Images per batch of the network.
        on_progress : callable, optional
            Called with ("encode", images done, images in all); where ``images`` has no length, both
            numbers are those done.

        Returns
        -------
        uint8 array of shape (n, bits / 8)
            In the order of ``images``, without those that were left out.

        Raises
        ------
        ImageError
            If an image can't be read and ``on_error`` is "raise".

        Examples
        --------
        >>> codes = model.encode(["a.jpg", "b.jpg"])  # doctest: +SKIP
        """
        batches = pixel_batches(images, self.fit, on_error, batch_size, on_progress, "encode")
        codes = [self.encode_pixels(pixels)[0] for pixels in batches]
        return np.concatenate([np.empty((0, self.bits // 8), np.uint8), *codes])

    def describe(
        self,
        images: Iterable[ImageSource],
        *,
        on_error: OnError = "raise",
        batch_size: int = 64,
        on_progress: OnProgress | None = None,
    ) -> Vectors:
        """Return the descriptors of images, float32 (n, descriptor_dim); see `encode`."""
        batches = pixel_batches(images, self.fit, on_error, batch_size, on_progress, "describe")
        vectors = [self.describe_pixels(pixels) for pixels in batches]
        return np.concatenate([np.empty((0, self.descriptor_dim), np.float32), *vectors])

    def describe_pixels(self, pixels: Pixels) -> Vectors:
        """Return the descriptors, float32 (n, descriptor_dim), of decoded images (n, s, s, 3)."""
        return self.load_descriptor().describe(pixels)

    def encode_pixels(self, pixels: Pixels) -> tuple[Codes, Vectors]:
        """Return packed codes, uint8 (n, bits / 8), and the descriptors that they stand for.

        Parameters
        ----------
        pixels : uint8 array of shape (n, size, size, 3)
            As `hashlens.images.decode_image` returns them for ``self.fit``.
        """
        vectors = self.describe_pixels(pixels)
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
                    f"The model's descriptor is {self.spec.name!r}, and its network is missing: "
                    f"the bundled one is {default_spec().name!r}. Save the model once more from "
                    "where it was trained."
                )
        return self.descriptor

    def evaluate(
        self,
        data: AnyData,
        protocol: str = "standard",
        *,
        split_seed: int = 0,
        k: int = 5,
        cache: str | os.PathLike[str] | None = None,
        strict: bool = False,
        on_progress: OnProgress | None = None,
        on_message: OnMessage = _log.info,
    ) -> dict[str, Any]:
        """Measure the model on labeled images, with exact expectations over the order of ties.

        Parameters
        ----------
        data : str, Path, Dataset or DescribedDataset
            As `hashlens.load_dataset` takes or returns it, or described by this model's descriptor.
        protocol : {"standard", "heldout", "unseen"}
            Which images are searched for the test images, see `hashlens.datasets.make_split`.
        split_seed : int
            Seed of the protocol's split.
        k : int
            Cut-off of the precision.
        cache : path, optional
            Folder of cached descriptors; by default the user's cache directory.
        strict : bool
            Refuse data of which anything would be left out: files passed over, unreadable images,
            and images of classes that the training part lacks.
        on_progress : callable, optional
        on_message : callable, optional
            Called with what was found in the data, one line of text each; by default it is logged.

        Returns
        -------
        dict
            ``precision_at_5`` (for k = 5) with ``_low`` and ``_high``, the bounds over the order of
            ties; ``map``; and more, see `hashlens.model.protocol_search.search_metrics`. Shares are
            in [0, 1].

        Raises
        ------
        DataError
            If the model was trained on images that the protocol calls unseen, or the labels can't
            be split so.
        """
        described = self._described(
            data, cache, on_progress, on_message, protocol, split_seed, strict
        )
        return self.metrics_of(self.search_protocol(described, protocol, split_seed), described, k)

    def search_protocol(
        self, data: DescribedDataset, protocol: str = "standard", split_seed: int = 0
    ) -> Search:
        """Carry out the search that `evaluate` measures; see there."""
        from hashlens.datasets.checking import check_protocol
        from hashlens.model.protocol_search import search_split

        if self.training is not None:
            self.training.check_unseen(data.train.digest, protocol, split_seed)
        return search_split(self.hasher, data, check_protocol(data, protocol, split_seed))

    def metrics_of(self, search: Search, data: DescribedDataset, k: int = 5) -> dict[str, Any]:
        """Return the figures of a search of ``data``, and what was measured; see `evaluate`."""
        from hashlens.model.protocol_search import search_metrics

        about = {"method": self.hasher.name, "descriptor": self.spec.name, "data": data.source}
        return about | search_metrics(search, k)

    def calibrate(
        self,
        data: AnyData,
        *,
        lengths: Sequence[int] = (),
        resampling: Resampling | None = None,
        cache: str | os.PathLike[str] | None = None,
        on_progress: OnProgress | None = None,
        on_message: OnMessage = _log.info,
        on_length: OnLength | None = None,
    ) -> ModelCalibration:
        """Measure what distances mean on labeled images, and keep it as ``self.calibration``.

        Where the model was trained on ``data``, only images that its protocol kept apart count.

        Parameters
        ----------
        data : str, Path, Dataset or DescribedDataset
            As for `evaluate`.
        lengths : sequence of int
            Code lengths, in bits, to fit the model's method at and compare; each takes a training.
        resampling : Resampling, optional
            The bootstrap over images that the intervals come from.
        cache, on_progress, on_message
            As for `evaluate`.
        on_length : callable, optional
            Called with each of ``lengths`` before it is fitted.

        Raises
        ------
        ParameterError
            If a length is not a multiple of 8 up to 512; nothing was done.
        DataError
            If no images are left that the model was not trained on, or no two share a label.
        """
        from hashlens.evaluation.bootstrap import Resampling
        from hashlens.model.calibrating import lengths_compared, unseen_pairs

        for bits in lengths:
            check_bits(bits, "calibrate")
        drawn = resampling or Resampling()
        described = self._described(data, cache, on_progress, on_message)
        pairs, images = unseen_pairs(self.hasher, self.training, described, drawn)
        figures = (
            lengths_compared(self.hasher, self.training, described, lengths, drawn, on_length)
            if lengths
            else ()
        )
        self.calibration = ModelCalibration(
            self.digest, pairs, described.source, described.train.digest, images, tuple(figures)
        )
        return self.calibration

    def save(self, folder: str | os.PathLike[str], *, card: bool = True) -> None:
        """Write a model directory, or replace the model in one.

        One atomic rename makes the change, so that the directory holds one of the two at any time.
        Report and calibration of another model go; files of yours stay.

        Parameters
        ----------
        folder : path
        card : bool
            Whether to write the model card too; `save_card` does it later.

        Raises
        ------
        ParameterError
            If no model directory can be made there: see `check_model_folder`.
        FormatError
            If the model's network is missing, or has changed since the model was made.
        HashlensError
            If it can't be written; a model that was there before stays.
        """
        target = Path(folder).expanduser().resolve()
        check_model_folder(target)
        if self.network is None and self.network_sha256 is not None:
            self.load_descriptor()  # raises: without its network, the saved model would be useless
        with writing(target):
            network = None
            if self.network is not None and self.network_sha256 is not None:
                network = NetworkFile(self.network, self.network_sha256, self.network_in_digest)
            write_model(target, self.card(), network)
            if card:
                write_card(target, self.card())

    def save_calibration(self, folder: str | os.PathLike[str]) -> None:
        """Write the calibration, and the card that shows it, into this model's directory.

        Raises
        ------
        HashlensError
            If they can't be written.
        """
        target = Path(folder).expanduser()
        with writing(target):
            write_own_calibration(target, self.card())
            write_card(target, self.card())

    def save_card(self, folder: str | os.PathLike[str]) -> None:
        """Write the model card into this model's directory."""
        target = Path(folder).expanduser()
        with writing(target):
            write_card(target, self.card())

    def card(self) -> ModelCard:
        """Return what the model knows about itself, and can be read as Markdown."""
        return ModelCard(
            self.hasher, self.spec, self.digest, self.training, self.metrics, self.calibration
        )

    def _described(
        self,
        data: AnyData,
        cache: str | os.PathLike[str] | None,
        on_progress: OnProgress | None,
        on_message: OnMessage,
        protocol: str | None = None,
        split_seed: int = 0,
        strict: bool = False,
    ) -> DescribedDataset:
        from hashlens.datasets import Dataset, DescribedDataset, load_dataset
        from hashlens.datasets.checking import check_and_describe

        if isinstance(data, DescribedDataset):
            return data
        return check_and_describe(
            data if isinstance(data, Dataset) else load_dataset(data),
            self.load_descriptor(),
            protocol=protocol,
            split_seed=split_seed,
            cache=cache,
            strict=strict,
            on_progress=on_progress,
            on_message=on_message,
        )
