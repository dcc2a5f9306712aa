"""The small inputs of golden.py, the same bytes each time: tiles of photographs and patterns."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

CLASSES = ("bark", "cloth", "sand", "water")
A_CLASS = 16
TILE = 160
"""Width and height of a tile; six are cut from one photograph."""
_PHOTOS = 12
_WRITTEN = 1_700_000_000
"""Time of modification of every input, so that none looks as if it were being written."""


def make_inputs(work: Path, photos: Path) -> str:
    """Write all inputs below a folder, and return a checksum of their names and bytes.

    Parameters
    ----------
    work : Path
        An empty folder.
    photos : Path
        A folder with a dozen JPEG photographs or more, of 480 by 320 pixels at least.
    """
    tiles = _tiles(photos)
    _write_photos(work / "photos", tiles[:60])
    _write_kinds(work / "photos" / "kinds", tiles[60])
    _write_broken(work / "photos" / "broken", tiles[61])
    _write_queries(work / "queries", tiles)
    for number, tile in enumerate(tiles[68:]):
        _save(tile, work / "fresh" / f"fresh{number}.png")
    _write_labelled(work / "labelled")
    _write_dirty(work / "dirty", work / "labelled")
    _write_tables(work)
    _write_parquet(work / "parquet", work / "labelled")
    (work / "exported").mkdir()
    return _seal(work)


def add_fresh(work: Path) -> None:
    """Change the photographs: four new ones, two gone, one replaced, one renamed."""
    photos = work / "photos"
    for path in sorted((work / "fresh").iterdir()):
        shutil.copy2(path, photos / "a" / path.name)
    for name in ("tile03.png", "tile17.png"):
        (photos / "a" / name).unlink()
    shutil.copyfile(work / "fresh" / "fresh0.png", photos / "b" / "tile31.png")
    (photos / "b" / "tile40.png").rename(photos / "b" / "renamed.png")


def _tiles(photos: Path) -> list[Image.Image]:
    """Return six tiles of each of the first photographs."""
    files = sorted(photos.rglob("*.jpg"))[:_PHOTOS]
    if len(files) < _PHOTOS:
        raise SystemExit(f"{photos} needs {_PHOTOS} photographs named *.jpg. Got {len(files)}.")
    tiles = []
    for file in files:
        with Image.open(file) as photo:
            picture = photo.convert("RGB")
        columns = 3 if picture.width > picture.height else 2
        for number in range(6):
            left, top = TILE * (number % columns), TILE * (number // columns)
            tiles.append(picture.crop((left, top, left + TILE, top + TILE)))
    return tiles


def _save(picture: Image.Image, path: Path, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)


def _write_photos(folder: Path, tiles: Sequence[Image.Image]) -> None:
    """Write the tiles into two folders, and copies of some into a third."""
    for number, tile in enumerate(tiles):
        _save(tile, folder / ("a" if number < 30 else "b") / f"tile{number:02}.png")
    copies = folder / "copies"
    copies.mkdir()
    for number in (0, 20, 40):
        source = folder / ("a" if number < 30 else "b") / f"tile{number:02}.png"
        shutil.copyfile(source, copies / f"same{number:02}.png")
        _save(tiles[number].resize((120, 120)), copies / f"smaller{number:02}.png")
        _save(tiles[number], copies / f"recompressed{number:02}.jpg", quality=60)
    _save(tiles[5].transpose(Image.Transpose.FLIP_LEFT_RIGHT), copies / "mirrored05.png")


def _write_kinds(folder: Path, tile: Image.Image) -> None:
    """Write one tile in other formats and modes, and with a name that is no UTF-8."""
    grey = np.asarray(tile.convert("L"))
    turned = Image.Exif()
    turned[0x0112] = 6
    transparent = tile.copy()
    transparent.putalpha(Image.fromarray(255 - grey))
    _save(tile.convert("L"), folder / "grey.png")
    _save(tile.convert("P"), folder / "palette.gif")
    _save(Image.fromarray(grey.astype(np.uint16) * 257), folder / "deep.png")
    _save(transparent, folder / "transparent.png")
    _save(tile.convert("CMYK"), folder / "print.jpg", quality=90)
    _save(tile, folder / "turned.jpg", quality=90, exif=turned)
    _save(tile, folder / "plain.bmp")
    _save(tile, folder / "plain.tiff")
    _save(tile.resize((1, 1)), folder / "pixel.png")
    _save(tile.resize((400, 20)), folder / "strip.png")
    (folder / "grey.png").rename(folder / os.fsdecode(b"gr\xe9y.png"))


def _write_broken(folder: Path, tile: Image.Image) -> None:
    folder.mkdir(parents=True)
    buffer = io.BytesIO()
    tile.save(buffer, "JPEG", quality=90)
    whole = buffer.getvalue()
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "header.jpg").write_bytes(whole[:20])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no image\n", encoding="ascii")
    (folder / "wrong-name.png").write_bytes(whole)


def _write_queries(folder: Path, tiles: Sequence[Image.Image]) -> None:
    """Write a crop of a tile that is indexed, a tile beside some that are, and a foreign one."""
    _save(tiles[0].crop((10, 10, 150, 150)), folder / "crop.png")
    _save(tiles[62], folder / "beside.jpg", quality=85)
    _save(tiles[66], folder / "foreign.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no image")


def _pattern(rng: np.random.Generator, label: int) -> Image.Image:
    """Return waves whose direction tells the class, though not surely, under noise."""
    angle = np.deg2rad(25 * label + rng.normal(0, 9))
    across = np.cos(angle) * np.arange(64) + np.sin(angle) * np.arange(64)[:, None]
    waves = np.sin(across * rng.uniform(0.3, 0.7) + rng.uniform(0, 2 * np.pi))
    colour = rng.uniform(0.6, 1.0, 3)
    pixels: npt.NDArray[np.float64] = 128 + 60 * waves[..., None] * colour
    pixels += rng.normal(0, 45, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _write_labelled(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        for number in range(A_CLASS):
            _save(_pattern(rng, label), folder / name / f"{number:02}.png")


def _write_dirty(folder: Path, labelled: Path) -> None:
    """Copy the labelled images, with some that are broken, repeated or contradicting."""
    shutil.copytree(labelled, folder)
    first, second = CLASSES[:2]
    shutil.copyfile(folder / first / "00.png", folder / first / "again.png")
    shutil.copyfile(folder / first / "01.png", folder / second / "contradicting.png")
    (folder / second / "broken.png").write_bytes(b"no image")


def _write_tables(work: Path) -> None:
    """Write two tables of the labelled images: with a part each, and with several labels."""
    images = sorted((work / "labelled").rglob("*.png"))
    with (work / "parts.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label", "split"])
        for path in images:
            part = "test" if path.stem >= "12" else "train"
            rows.writerow([path.relative_to(work), path.parent.name, part])
    with (work / "several.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for path in images:
            second = "|even" if int(path.stem) % 2 == 0 else ""
            rows.writerow([path.relative_to(work), path.parent.name + second])


def _write_parquet(folder: Path, labelled: Path) -> None:
    """Write the labelled images in the public hub's layout."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    images = sorted(labelled.rglob("*.png"))
    for part, chosen in (
        ("train", [path for path in images if path.stem < "12"]),
        ("test", [path for path in images if path.stem >= "12"]),
    ):
        columns = {
            "img": [{"bytes": path.read_bytes(), "path": None} for path in chosen],
            "fine_label": [CLASSES.index(path.parent.name) for path in chosen],
        }
        pq.write_table(pa.table(columns), folder / f"{part}-00000-of-00001.parquet")


def _seal(work: Path) -> str:
    """Set the time of all files, and return a checksum of their names and bytes."""
    digest = hashlib.sha256()
    for path in sorted(work.rglob("*")):
        if path.is_file():
            os.utime(path, (_WRITTEN, _WRITTEN))
            digest.update(os.fsencode(path.relative_to(work)) + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
