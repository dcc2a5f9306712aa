"""The int8 form of a model, its loss and its gain measured on real images."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashlens.arrays import Codes, Pixels
from hashlens.descriptors.base import standardize
from hashlens.descriptors.spec import DescriptorSpec, file_sha256
from hashlens.errors import DataError, HashlensError
from hashlens.export.onnx_graph import import_onnx
from hashlens.export.onnx_model import INPUT, OUTPUT, assemble, network_of, open_session, save_model
from hashlens.files.atomic import check_output, replacing
from hashlens.indexes.linear import LinearIndex
from hashlens.model.model import Model

MIN_IMAGES = 20
"""With fewer, neither the ranges of activations nor the overlap at 5 can be measured."""

_BATCH, _TIMED, _REPEATS, _TOP = 8, 8, 3, 5


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """What an int8 model loses and gains compared with the float32 model.

    Attributes
    ----------
    calibration_images, measured_images : int
        Images that set the ranges of activations, and other images that measured the loss.
    differing_bits : float
        Share of bits that differ from those of the float32 model, in [0, 1].
    overlap_at_5 : float
        Share of the five nearest neighbors of each image that both models agree on, in [0, 1];
        neighbors are the other measured images, ordered by distance and then by position.
    float_bytes, int8_bytes : int
        Sizes of the two files.
    float_images_per_second, int8_images_per_second : float
        From pixels to codes, on one thread of the machine that ran the export.
    """

    calibration_images: int
    measured_images: int
    differing_bits: float
    overlap_at_5: float
    float_bytes: int
    int8_bytes: int
    float_images_per_second: float
    int8_images_per_second: float


def export_int8_model(model: Model, path: Path, images: Pixels) -> QuantizationReport:
    """Write a model whose network computes in int8; see `export_model` for the rest.

    Every second image sets the ranges of the activations; the others measure the loss. The hash
    itself stays in float. Weights have 7 bits, so that processors without VNNI, whose sums saturate
    at 16 bits, give the same codes.

    Parameters
    ----------
    model : Model
    path : Path
        An existing file is replaced.
    images : uint8 array of shape (n, size, size, 3)
        At least 20, like those that will be encoded.

    Returns
    -------
    QuantizationReport
        Also stored in the metadata of the file, under ``quantization``.

    Raises
    ------
    DataError
        If there are too few images.
    MissingExtraError, ParameterError, HashlensError
        As for `export_model`.
    """
    import_onnx()
    check_output(path)
    if len(images) < MIN_IMAGES:
        raise DataError(
            f"An int8 model needs at least {MIN_IMAGES} images to set its ranges and to measure "
            f"its loss. Got {len(images)}."
        )
    calibration, measured = images[::2], images[1::2]
    with tempfile.TemporaryDirectory(prefix="hashlens-export-") as scratch:
        folder = Path(scratch)
        whole, network, small = (folder / f"{name}.onnx" for name in ("float", "int8", "whole"))
        try:
            save_model(assemble(model, network_of(model)), whole)
            _quantize(network_of(model), network, calibration, model.spec)
            save_model(assemble(model, network), small)
        except OSError as error:
            raise HashlensError(
                f"No room for working files in {folder.parent}: {error.strerror or error}. Free "
                "some space, or set TMPDIR to another disk."
            ) from error
        report = _measure(whole, small, len(calibration), measured)
        extra = {
            # Codes of the float model, or with other ranges, can't be compared with these.
            "model_digest": f"{model.digest}-int8-{file_sha256(network)[:16]}",
            "quantization": json.dumps(
                {"scheme": "int8, static, QDQ", **asdict(report)}, allow_nan=False
            ),
        }
        with replacing(path, follow_link=True) as partial:
            save_model(assemble(model, network, extra), partial)
    return report


class _Images:
    """Batches for ONNX Runtime's calibration, which asks for the next one until it gets None."""

    def __init__(self, name: str, pixels: Pixels, spec: DescriptorSpec) -> None:
        self._batches = (
            {name: standardize(pixels[start : start + _BATCH], spec)}
            for start in range(0, len(pixels), _BATCH)
        )

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)


def _quantize(network: Path, target: Path, pixels: Pixels, spec: DescriptorSpec) -> None:
    """Write the int8 form of a float network (n, 3, s, s) → (n, D)."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    onnx = import_onnx()
    folded = target.with_name("folded.onnx")
    with _quiet():
        try:
            # Weights in half precision sit behind casts, where the quantizer does not see them.
            quant_pre_process(str(network), str(folded), skip_symbolic_shape=True)
            name = onnx.load(folded, load_external_data=False).graph.input[0].name
            quantize_static(
                str(folded),
                str(target),
                _Images(name, pixels, spec),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except OSError:
            raise
        except Exception as error:
            raise HashlensError(f"{network} can't be quantized to int8: {error}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantizer's advice out of the log: it is followed already."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _measure(whole: Path, small: Path, calibrated: int, pixels: Pixels) -> QuantizationReport:
    sessions = [open_session(path, threads=1) for path in (whole, small)]
    codes, reduced = (_codes(session, pixels) for session in sessions)
    speeds = _images_per_second(sessions, pixels[:_TIMED])
    return QuantizationReport(
        calibration_images=calibrated,
        measured_images=len(pixels),
        differing_bits=float(np.bitwise_count(codes ^ reduced).sum() / (codes.size * 8)),
        overlap_at_5=overlap_at_5(codes, reduced),
        float_bytes=whole.stat().st_size,
        int8_bytes=small.stat().st_size,
        float_images_per_second=round(speeds[0], 2),
        int8_images_per_second=round(speeds[1], 2),
    )


def _codes(session: Any, pixels: Pixels) -> Codes:
    batches = (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))
    return np.concatenate([session.run([OUTPUT], {INPUT: batch})[0] for batch in batches])


def _images_per_second(sessions: Sequence[Any], pixels: Pixels) -> list[float]:
    """Return the best speed of each session, timed in turns so that other load affects all."""
    best = [float("inf")] * len(sessions)
    for _ in range(_REPEATS):
        for number, session in enumerate(sessions):
            began = time.perf_counter()
            session.run([OUTPUT], {INPUT: pixels})
            best[number] = min(best[number], time.perf_counter() - began)
    return [len(pixels) / seconds for seconds in best]


def overlap_at_5(codes: Codes, others: Codes) -> float:
    """Return the mean share of each row's five nearest rows that two sets of codes agree on.

    Examples
    --------
    >>> codes = np.arange(8, dtype=np.uint8)[:, None]
    >>> overlap_at_5(codes, codes)
    1.0
    """
    nearest = [_nearest(some) for some in (codes, others)]
    shared = [len(np.intersect1d(a, b)) for a, b in zip(*nearest, strict=True)]
    return float(np.mean(shared) / _TOP)


def _nearest(codes: Codes) -> list[Any]:
    """Return the five nearest rows of each row, itself left out."""
    found = LinearIndex.from_codes(codes).search(codes, min(_TOP + 1, len(codes))).ids
    # With more than five equal codes, a row may not find itself; then the last one is dropped.
    return [row[row != number][:_TOP] for number, row in enumerate(found)]
