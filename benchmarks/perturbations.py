"""Graded changes of an image that leave its content alone: a code should not react to them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One kind of change and its grades.

    Attributes
    ----------
    name : str
    unit : str
        The unit of grades.
    neutral : float
        The grade that changes nothing.
    grades : tuple of float
        In ascending or descending order; a change grows with the distance from ``neutral``.
    apply : callable
        Takes an RGB image, a grade and a random generator; returns an image of the same size.
    """

    name: str
    unit: str
    neutral: float
    grades: tuple[float, ...]
    apply: Callable[[Image.Image, float, np.random.Generator], Image.Image]


def brightness(image: Image.Image, factor: float, rng: np.random.Generator) -> Image.Image:
    """Multiply all values by ``factor``."""
    return ImageEnhance.Brightness(image).enhance(factor)


def saturation(image: Image.Image, factor: float, rng: np.random.Generator) -> Image.Image:
    """Blend with the gray image: 0 is gray, 1 unchanged, above 1 more colorful."""
    return ImageEnhance.Color(image).enhance(factor)


def hue(image: Image.Image, degrees: float, rng: np.random.Generator) -> Image.Image:
    """Rotate the hue of every pixel."""
    if degrees == 0:
        return image.copy()  # A conversion to HSV and back rounds.
    turned = np.array(image.convert("HSV"))
    turned[..., 0] += np.uint8(round(degrees / 360 * 256) % 256)
    return Image.fromarray(turned, "HSV").convert("RGB")


def blur(image: Image.Image, radius: float, rng: np.random.Generator) -> Image.Image:
    """Blur with a Gaussian whose standard deviation is ``radius`` pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def noise(image: Image.Image, deviation: float, rng: np.random.Generator) -> Image.Image:
    """Add Gaussian noise with a standard deviation of ``deviation`` gray levels."""
    pixels = np.asarray(image, dtype=np.float32)
    noisy = pixels + deviation * rng.standard_normal(pixels.shape, dtype=np.float32)
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, quality: float, rng: np.random.Generator) -> Image.Image:
    """Compress as JPEG and decode again; a quality above 100 leaves the image as it is."""
    if quality > 100:
        return image.copy()
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(quality))
    return Image.open(buffer).convert("RGB")


def crop(image: Image.Image, share: float, rng: np.random.Generator) -> Image.Image:
    """Cut out a random window of ``share`` of both sides and scale it to the original size."""
    width, height = image.size
    across, down = share * width, share * height
    left, top = rng.random() * (width - across), rng.random() * (height - down)
    box = (left, top, left + across, top + down)
    return image.resize(image.size, Image.Resampling.BICUBIC, box=box)


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation("brightness", "factor", 1.0, (0.4, 0.7, 1.3, 1.8), brightness),
    Perturbation("hue", "degrees", 0.0, (15, 45, 90, 180), hue),
    Perturbation("saturation", "factor", 1.0, (0.0, 0.5, 1.5, 2.5), saturation),
    Perturbation("blur", "σ, pixels", 0.0, (0.5, 0.8, 1.2, 2.0), blur),
    Perturbation("noise", "σ, gray levels", 0.0, (4, 8, 16, 32), noise),
    Perturbation("jpeg", "quality", 101, (90, 70, 40, 15), jpeg),
    Perturbation("crop", "share of a side", 1.0, (0.95, 0.9, 0.8, 0.6), crop),
)
"""The changes with which the paper's claim of invariance is tested."""
