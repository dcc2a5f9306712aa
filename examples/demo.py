"""Index real photographs, search them with crops, and draw a contact sheet: `make demo`.

By default, the photographs that come with scikit-image are cut into about a thousand overlapping
tiles. Queries are crops at random places, rescaled, recompressed and shifted in color; an answer is
right if it is a tile of the same photograph. With --images, your own folder is indexed, and queries
are crops of your images, which should find the image that they were cut from.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from hashlens import Collection, Hit
from hashlens.cli.console import note, progress_bar
from hashlens.errors import HashlensError
from hashlens.images import walk_images
from hashlens.report.sheet import save_sheet

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
TILE_SHARES = (0.55, 0.4, 0.3)
"""Sides of square tiles, relative to the shorter side of a photograph; tiles overlap by half."""
QUERIES, K = 64, 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, help="a folder of your own images")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the results")
    arguments = parser.parse_args()
    try:
        run(arguments.images, arguments.out)
    except HashlensError as error:
        sys.exit(f"hashlens: {error}")


def run(images: Path | None, out: Path) -> None:
    folder, queries = out / "tiles", out / "queries"
    for stale in (folder, queries, out / "collection"):
        shutil.rmtree(stale, ignore_errors=True)
    queries.mkdir(parents=True)
    rng = np.random.default_rng(0)
    if images is None:
        photographs = list(scikit_image_photographs())
        for photograph in photographs:
            cut_tiles(photograph, folder / photograph.stem)
        folder_of = os.path.dirname  # tiles of one photograph share a folder
    else:
        folder, photographs = images, [Path(path) for path in walk_images([images])]
        folder_of = os.path.abspath
    made = make_queries(photographs, queries, rng)

    with Collection.create(out / "collection") as collection:
        began = time.perf_counter()
        with progress_bar("images") as move:
            report = collection.index([folder], on_progress=move)
        indexing = time.perf_counter() - began
        began = time.perf_counter()
        answers = collection.search_many([query for query, _ in made], k=K)
        searching = time.perf_counter() - began
        info = collection.info()
    expected = [
        str((folder / source.stem).absolute()) if images is None else str(source.absolute())
        for _, source in made
    ]
    right = [
        np.mean([folder_of(hit.path) == wanted for hit in hits])
        for hits, wanted in zip(answers, expected, strict=True)
    ]
    first = [
        folder_of(hits[0].path) == wanted for hits, wanted in zip(answers, expected, strict=True)
    ]
    print_table(
        {
            "images indexed": f"{info.images:,}",
            "images per second": f"{report.added / indexing:,.0f}",
            "bytes per image": f"{info.bytes_per_image} ({info.bits} bits)",
            "queries": f"{len(made)} crops, rescaled, recompressed, color-shifted",
            "first answer is right": f"{100 * np.mean(first):.1f} %",
            **({"precision at 5": f"{100 * np.mean(right):.1f} %"} if images is None else {}),
            "time per query": f"{1000 * searching / len(made):.1f} ms, including encoding",
        }
    )
    chosen = sample_rows(made, answers)
    save_sheet(out / "sheet.png", chosen)
    print(f"contact sheet: {out / 'sheet.png'}")
    print(f"search it:     hashlens search YOUR.jpg -c {out / 'collection'}")


def scikit_image_photographs() -> Iterator[Path]:
    """Yield the photographs that come with scikit-image."""
    try:
        import skimage
    except ImportError:
        sys.exit("The demo uses photographs of scikit-image: pip install 'hashlens[demo]'")
    for name in PHOTOGRAPHS:
        path = Path(skimage.__file__).parent / "data" / name
        if path.is_file():
            yield path
        else:
            note(f"skipping {name}, which this version of scikit-image does not have")


def cut_tiles(photograph: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    with Image.open(photograph) as image:
        pixels = image.convert("RGB")
    for share in TILE_SHARES:
        side = round(share * min(pixels.size))
        for top in range(0, pixels.height - side + 1, side // 2):
            for left in range(0, pixels.width - side + 1, side // 2):
                tile = pixels.crop((left, top, left + side, top + side))
                tile.save(folder / f"{side}-{top:04}-{left:04}.png")


def make_queries(
    photographs: list[Path], folder: Path, rng: np.random.Generator
) -> list[tuple[Path, Path]]:
    """Write distorted crops, and return each with the photograph that it was cut from."""
    if not photographs:
        sys.exit("There are no images in this folder.")
    made = []
    for number in range(QUERIES):
        source = photographs[number % len(photographs)]
        try:
            with Image.open(source) as image:
                pixels = image.convert("RGB")
        except OSError:
            continue
        crop = random_crop(pixels, rng)
        target = folder / f"{number:03}-{source.stem}.jpg"
        target.write_bytes(distorted(crop, rng))
        made.append((target, source))
    return made


def random_crop(pixels: Image.Image, rng: np.random.Generator) -> Image.Image:
    side = int(rng.uniform(0.35, 0.75) * min(pixels.size))
    left, top = (int(rng.integers(0, length - side + 1)) for length in pixels.size)
    return pixels.crop((left, top, left + side, top + side))


def distorted(crop: Image.Image, rng: np.random.Generator) -> bytes:
    """Return the crop, rescaled and shifted in color and brightness, as a low-quality JPEG."""
    side = int(rng.uniform(96, 320))
    changed = crop.resize((side, side), Image.Resampling.BILINEAR)
    changed = ImageEnhance.Color(changed).enhance(rng.uniform(0.5, 1.5))
    changed = ImageEnhance.Brightness(changed).enhance(rng.uniform(0.75, 1.25))
    shift = rng.uniform(0.9, 1.1, size=3)
    changed = Image.fromarray((np.asarray(changed) * shift).clip(0, 255).astype(np.uint8))
    stream = io.BytesIO()
    changed.save(stream, "JPEG", quality=int(rng.integers(30, 80)))
    return stream.getvalue()


def sample_rows(
    made: list[tuple[Path, Path]], answers: list[list[Hit]]
) -> list[tuple[str, list[Hit]]]:
    """Return up to eight queries of different photographs, for the contact sheet."""
    rows = {}
    for (query, source), hits in zip(made, answers, strict=True):
        rows.setdefault(source, (str(query), hits))
    return list(rows.values())[:8]


def print_table(figures: dict[str, str]) -> None:
    for name, value in figures.items():
        print(f"{name:22} {value}")


if __name__ == "__main__":
    main()
