"""Measure how many images per second are indexed, and the descriptor's share of the time.

    python benchmarks/indexing.py [--images 120] [--out benchmarks/results/indexing.json]

The images are 32-pixel PNGs and 12-megapixel JPEGs.

The JPEGs are photographs of scikit-image (extra: demo), enlarged to 4000 x 3000 pixels with noise
like a sensor's, quality 90, about 3 MB each. All files differ, so that every one is decoded.
"""

import argparse
import io
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from hashlens.benchmark.context import commit, machine
from hashlens.collection import Collection
from hashlens.files.versioned_json import write_json
from hashlens.model.loading import load_model


def small_pngs(folder, count):
    rng = np.random.default_rng(0)
    for number in range(20 * count):
        pixels = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def large_jpegs(folder, count):
    from skimage import data

    rng = np.random.default_rng(0)
    photos = []
    for photo in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket()):
        large = Image.fromarray(photo).resize((4000, 3000), Image.Resampling.LANCZOS)
        noise = rng.normal(0, 5, (3000, 4000, 1)) + rng.normal(0, 2, (3000, 4000, 3))
        noisy = np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
        photos.append(buffer.getvalue())
    for number in range(count):
        photo = photos[number % len(photos)]
        comment = b"\xff\xfe\x00\x08%06d" % number
        (folder / f"{number}.jpg").write_bytes(photo[:2] + comment + photo[2:])


def descriptor_time(model, size):
    """Return the milliseconds per image of the network alone, on decoded images: median of 9."""
    pixels = np.random.default_rng(0).integers(0, 256, (size, *2 * [model.fit.size], 3), np.uint8)
    times = []
    for _ in range(9):
        start = time.perf_counter()
        model.describe(pixels)
        times.append(1000 * (time.perf_counter() - start) / size)
    return round(statistics.median(times), 2)


def measure(make, count, model):
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        make(images, count)
        sizes = [path.stat().st_size for path in images.iterdir()]
        with Collection.create(Path(folder) / "collection", model) as collection:
            wall, cpu = time.perf_counter(), time.process_time()
            report = collection.index([images])
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            again = time.perf_counter()
            collection.index([images])
            again = time.perf_counter() - again
    return {
        "images": report.added,
        "mean_bytes": round(sum(sizes) / len(sizes)),
        "images_per_second": round(report.added / wall, 1),
        "cpu_milliseconds_per_image": round(1000 * cpu / report.added, 1),
        "unchanged_per_second": round(len(sizes) / again),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=120, help="JPEGs; twenty times as many PNGs")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/indexing.json"))
    arguments = parser.parse_args()
    model = load_model()
    size = model.fit.size
    model.encode_pixels(np.zeros((1, size, size, 3), np.uint8))  # Load the network first.
    result = {
        "descriptor_milliseconds_per_image": {
            f"batch of {size}": descriptor_time(model, size) for size in (1, 8, 32)
        }
    }
    load = os.getloadavg()[0]
    for name, make in (("png_32", small_pngs), ("jpeg_12_megapixels", large_jpegs)):
        result[name] = measure(make, arguments.images, model)
    result["context"] = {
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "load_before": load,
        "machine": machine(),
    }
    write_json(arguments.out, result, indent=1)
    print(json.dumps(result, indent=2, allow_nan=False))


if __name__ == "__main__":
    main()
