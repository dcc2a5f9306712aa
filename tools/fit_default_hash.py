"""Fit the default hash: 128 bits, without labels and without images like those it is used on.

    pip install 'hashlens[demo]'
    python tools/export_default_descriptor.py --classifier FOLDER
    python tools/fit_default_hash.py FOLDER/classifier.npz

It learns from two sources. The 1,000 rows of the ImageNet classifier are directions in which the
descriptor separates classes. The photographs that come with scikit-image, cut into tiles and
degraded (reduced, blurred, recompressed, darkened, desaturated), show in which directions a
descriptor moves although the content stays the same, and give the mean descriptor.

1. Remove from the rows the directions in which degradation moves descriptors most.
2. PCA of the centered rows; each direction is weighted by the inverse square root of its standard
   deviation, so that the bits do not all depend on the few strongest directions.
3. ITQ: the rotation whose signs fit the rows best.
4. Center descriptors by the mean of all tiles.

Writes the model directory ``src/hashlens/descriptors/default/model``.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageEnhance, ImageFilter

from hashlens.descriptors.default import default_descriptor
from hashlens.hashers.math.rotation import fit_rotation, random_rotation
from hashlens.hashers.methods.itq import ITQ
from hashlens.model.loading import DEFAULT_MODEL
from hashlens.model.model import Model
from hashlens.model.training_record import TrainingRecord

BITS, NUISANCES, TILES, SIDE, SEED = 128, 16, 40, 224, 0
PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
)
Change = Callable[[Image.Image], Image.Image]


def reduced(side: int) -> Change:
    return lambda image: image.resize((side, side), Image.Resampling.BICUBIC)


def recompressed(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=20)
    return Image.open(stream).convert("RGB")


DEGRADATIONS: tuple[Change, ...] = (
    lambda image: image,
    reduced(32),
    reduced(48),
    reduced(96),
    lambda image: image.filter(ImageFilter.GaussianBlur(2)),
    recompressed,
    lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    lambda image: ImageEnhance.Color(image).enhance(0.3),
)


def degraded_tiles() -> Iterator[np.ndarray]:
    """Yield random tiles of the photographs, each uint8 (degradations, 224, 224, 3)."""
    rng = np.random.default_rng(SEED)
    for name in PHOTOGRAPHS:
        photograph = Image.open(Path(skimage.__file__).parent / "data" / name).convert("RGB")
        for _ in range(TILES):
            side = int(rng.uniform(0.25, 1) * min(photograph.size))
            left, top = (int(rng.integers(0, length - side + 1)) for length in photograph.size)
            tile = photograph.crop((left, top, left + side, top + side)).resize((SIDE, SIDE))
            yield np.stack([np.asarray(reduced(SIDE)(change(tile))) for change in DEGRADATIONS])


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def fit(classifier: np.ndarray, tiles: np.ndarray) -> ITQ:
    """Return the hash.

    Parameters
    ----------
    classifier : array of shape (1000, D)
    tiles : array of shape (tiles, degradations, D)
        Descriptors of unit length.
    """
    rows = unit(classifier.astype(np.float64))
    rows -= rows.mean(axis=0)
    changes = (tiles - tiles.mean(axis=1, keepdims=True)).reshape(-1, tiles.shape[2])
    nuisances = np.linalg.svd(changes, full_matrices=False)[2][:NUISANCES].T
    rows -= rows @ nuisances @ nuisances.T
    _, deviations, axes = np.linalg.svd(rows, full_matrices=False)
    projection = axes[:BITS].T / np.sqrt(deviations[:BITS])
    start = random_rotation(BITS, np.random.default_rng(SEED))
    rotation, _ = fit_rotation((rows @ projection).astype(np.float32), start, iterations=50)
    state = {
        "mean_": tiles.mean(axis=(0, 1)).astype(np.float32),
        "weights_": (projection @ rotation).astype(np.float32),
    }
    return ITQ.from_state(state, {"bits": BITS})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("classifier", type=Path, help="classifier.npz, as exported")
    classifier = np.load(parser.parse_args().classifier)["weight"]
    descriptor = default_descriptor()
    tiles = np.stack([descriptor.describe(tile) for tile in degraded_tiles()])
    training = TrainingRecord(
        method="itq",
        data="rows of the ImageNet classifier; photographs of scikit-image for mean and nuisance "
        "directions (tools/fit_default_hash.py)",
        details={"tiles": len(tiles), "nuisance_directions": NUISANCES},
    )
    Model(fit(classifier, tiles.astype(np.float64)), descriptor.spec, training=training).save(
        DEFAULT_MODEL
    )
    print(f"wrote {DEFAULT_MODEL}")


if __name__ == "__main__":
    main()
